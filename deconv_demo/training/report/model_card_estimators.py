"""The sections of the model card on the estimators of blur, noise and JPEG artifacts."""

from typing import Any


def hardware(run: dict[str, Any]) -> str:
    """Return the hardware of a run in words."""
    return run["hardware"].replace(", 1 threads", ", 1 thread")


def blur_reader(entry: dict[str, Any]) -> str:
    """Return the section on the blur estimator from its entry of ``metrics.json``."""
    minutes = sum(run["seconds"] for run in entry["runs"]) / 60
    rows = [
        "## blur_reader",
        "",
        f"A network of {entry['parameters']:,} parameters ({entry['bytes'] / 1e6:.1f} MB) that "
        "reads one blur for a whole picture off the mean spectrum of its blocks, as a kernel of "
        "25 × 25 pixels. A Wiener filter undoes that blur, and the deblurrer is given the result "
        "beside the picture. Its error is the mean distance of the read transfer function from "
        "the true one, low frequencies counting more, on blurs and pictures held out: "
        f"{entry['error']:.4f} after {minutes:.0f} minutes. What a filter makes of its "
        "kernels is in the table of deblur: *Wiener, blur read*. Its parameters and multiply-adds "
        "and those of the filter are not counted in the line of deblur.",
        "",
        *_reader_runs(entry),
    ]
    return "\n".join([*rows, ""])


def noise_reader(entry: dict[str, Any]) -> str:
    """Return the section on the noise estimator, with its errors beside those of wavelets."""
    minutes = sum(run["seconds"] for run in entry["runs"]) / 60
    rows = [
        "## noise_reader",
        "",
        f"A network of {entry['parameters']:,} parameters ({entry['bytes'] / 1e3:.0f} kB) that "
        "reads how strong the noise of a picture is: at every place the strength in each channel, "
        "how coarse it is, and how well that can be told there. The denoiser is told the weighted "
        "mean for the brightness of every place where a visitor sets none. "
        "Half of the parameters are for pictures of one tone, in grey or sepia, where no "
        "difference between channels tells noise from detail. "
        "Below is how far off it is on the middle of held-out photographs, noise clipped and "
        f"rounded to 8 bits, after {minutes:.0f} minutes, beside the classical estimate from the "
        "finest wavelets (Donoho and Johnstone 1994, by scikit-image); on photographs to which "
        "nothing was added, what they have of their own counts as an error. What the error costs "
        "the denoiser is in its table: *network, strength estimated*. The first two runs were "
        "judged by white noise alone, the third by no picture in grey, the fourth by no drawing, "
        "the fifth by no coarse grain in grey, as of old films, and by no toned print: hence "
        "errors that rise from one run to the next. Before the seventh, toned prints began to be "
        "read as those in grey are, without which it would have begun where the sixth had ended; "
        "the eighth began with the mean of the weights before and after the seventh. Before the "
        "ninth its field was widened from 21 to 45 pixels, every place was told what the whole "
        "picture is like, and cameras, film and halftones came into its training. "
        "Coarse grain in grey is still mostly taken for detail: there the strength is better set "
        "by hand. Drawings are print, shapes and large pixels made at random, many in pure "
        "colours; black and white cut half of their noise off.",
        "",
        "| noise added, of 255 | off by, network | off by, wavelets |",
        "| --- | ---: | ---: |",
        *(
            f"| {row['noise']} | {row['network']:.2f} | {row['wavelets']:.2f} |"
            for row in entry["off_by"]
        ),
        "",
        *_reader_runs(entry),
    ]
    return "\n".join([*rows, ""])


def jpeg_reader(entry: dict[str, Any]) -> str:
    """Return the section on the estimator of JPEG artifacts, with what it reads of each file."""
    minutes = sum(run["seconds"] for run in entry["runs"]) / 60
    rows = [
        "## jpeg_reader",
        "",
        f"A network of {entry['parameters']:,} parameters ({entry['bytes'] / 1e3:.0f} kB), the "
        "one of noise_reader, that reads off the pixels the quality of the JPEG file a picture "
        "was in, the worst if there were several: it is used where the picture is in no JPEG file "
        "now, or in one that claims a better quality. Below is the mean of what it read of the "
        f"middle of held-out photographs after {minutes:.0f} minutes, their blocks anywhere.",
        "",
        "| quality of the file | read |",
        "| --- | ---: |",
        *(f"| {row['file']} | {row['quality_read']:.0f} |" for row in entry["files"]),
        "",
        *_reader_runs(entry),
    ]
    return "\n".join([*rows, ""])


def _reader_runs(entry: dict[str, Any]) -> list[str]:
    return [
        "| minutes | steps | on | error before | after |",
        "| ---: | ---: | --- | ---: | ---: |",
        *(
            f"| {run['seconds'] / 60:.0f} | {run['steps']:,} | {hardware(run)} | "
            f"{run['error_before']:.4f} | {run['error_after']:.4f} |"
            for run in entry["runs"]
        ),
    ]
