"""The model card: what ``weights/metrics.json`` holds, as a page that people read."""

import json
from pathlib import Path
from typing import Any

from deconv_demo.training.curves import draw_curves

_HEAD = """---
license: mit
library_name: pytorch
tags: [image-restoration, denoising, deblurring, super-resolution, transposed-convolution]
---

# Weights of Deconv Lab

Four small networks whose upsampling is done by transposed convolutions alone, each with a kernel
that is a multiple of its stride, so that every output pixel gets the same number of
contributions. float16 safetensors; `deconv_demo/tasks.py` builds the network of each file, and
every file carries its network, recipe and training runs in its header. All numbers below were
written by the commands of `python -m deconv_demo.training`, and this page by its `card`.
"""

_COLUMNS = [
    "degraded",
    "classical",
    "Wiener, told the blur",
    "network",
    "network, strength estimated",
]

_CURVES = """## How training went

![Validation PSNR of each network by minute of training](curves.svg)

A dot is where a run ended. A run that starts higher or lower than the last one ended is judged on
other damage: since November 2026 the upscalers and the deblurrer are also judged on JPEG files,
the denoiser on grey pictures.
"""

_TAIL = """
## How it was measured

PSNR in dB and SSIM (11 × 11 Gaussian window, as in Wang et al. 2004), the mean over the
validation pictures (as many as each section says), through the function `enhance` as the page
calls it, on 8-bit pictures: noise is clipped and rounded before a network sees it. RGB for denoise
and deblur; for the upscales the Y channel of BT.601, `scale` pixels of border cut off. *degraded*
is the damaged picture, for an upscale with its pixels repeated. *classical* is, for denoise,
wavelet shrinkage (BayesShrink) told the noise; for deblur, on each picture the best of nine
unsharp masks chosen with the truth in hand; for the upscales, bicubic. Deblur is blind; its inputs
carry noise of 2.55 / 255. What a method can do that knows the blur is shown beside it: a Wiener
filter with a Laplacian regulariser, at the best of four balances on each picture.

## Data

Trained on 497 photographs under free licences alone: public domain and CC0 (79 pictures), CC BY
(56), CC BY-SA (227), Unsplash and Pexels licences (135); chosen between on 24 others. No picture
of a standard test set is among them. The photographs themselves are not part of this repository.

Training sees random crops of the photographs in the eight flips and rotations, half of them (since
November 2026) made up to two times smaller first, by antialiased bicubic interpolation, damaged
anew each time: noise of 0 to 55 / 255, clipped and rounded (12 % of the crops are made grey and get
one noise for all channels, as do 5 % of the others); Gaussian blur of 0.4 to 3.0 pixels, straight
and curved motion of 1 to 17 pixels, discs of radius 0.5 to 4, each with noise of 0 to 5 / 255;
antialiased bicubic downscaling. Of what the deblurrer is given a quarter comes from a JPEG file
of quality 60 to 95, its blocks anywhere; of what the upscalers are given 15 % does, and 10 % has
noise of up to 3 / 255.

## What they were not trained for

Strong JPEG compression, noise in blotches or stripes, scratches, several damages at once,
drawings and text. A blur that differs across the picture is treated as if it were the same
everywhere. The upscalers sharpen what is there; they do not invent faces or letters. Not for
diagnosis, evidence or measurement: what looks like detail is a guess from other pictures.
"""


def write_card(metrics_path: Path, card_path: Path) -> None:
    """Write the model card from measured numbers, and ``curves.svg`` beside it.

    Raises:
        FileNotFoundError: Nothing has been measured yet.
    """
    metrics = json.loads(metrics_path.read_text(encoding="utf-8"))
    sections = [_HEAD, _overview(metrics["tasks"])]
    if "benchmark" in metrics:
        sections.append(_speed(metrics["benchmark"]))
    sections += [_section(task_id, entry) for task_id, entry in metrics["tasks"].items()]
    sections.append(_CURVES)
    card_path.with_name("curves.svg").write_text(draw_curves(metrics["tasks"]), encoding="utf-8")
    if "trials" in metrics:
        sections.append(_trials(metrics["trials"]))
    if "failures" in metrics:
        sections.append(_failures(metrics["failures"]))
    if "upsamplers" in metrics:
        sections.append(_upsamplers(metrics["upsamplers"]))
    card_path.write_text("\n".join(sections) + _TAIL, encoding="utf-8")


def _overview(tasks: dict[str, Any]) -> str:
    rows = [
        "| task | parameters | multiply-adds a pixel of the result | file |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {task_id} | {entry['parameters']:,} | {entry['macs_per_output_pixel']:,} | "
        f"{entry['bytes'] / 1e6:.1f} MB |"
        for task_id, entry in tasks.items()
    ]
    return "\n".join(rows) + "\n"


def _speed(found: dict[str, Any]) -> str:
    measured, side = found["measured"], found["side"]
    stack = found["rows"][-1]["name"]
    rows = [
        "## Speed and memory",
        "",
        f"All in turn in one run, each making {side} × {side} pixels, the networks by the function "
        "`enhance`; medians. The ratios are steadier than the seconds. A stack of plain "
        "convolutions of the size of DnCNN is there to compare with.",
        "",
        f"| for a megapixel of the result | seconds | of *{stack}* | MB |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {row['name']} | {row['seconds_per_megapixel']:.2f} | {row['times_dncnn']:.2f} | "
        f"{row['megabytes_per_megapixel']:.0f} |"
        for row in found["rows"]
    ]
    rows += ["", f"Measured on {_machine(measured)}."]
    return "\n".join(rows) + "\n"


def _machine(measured: dict[str, Any]) -> str:
    return (
        f"{measured['date']}, {measured['processor']}, {measured['threads']} threads, "
        f"{measured['dtype']}, PyTorch {measured['torch']}"
    )


def _conditions(measured: dict[str, Any]) -> str:
    return (
        f"{measured['pictures']} pictures, {measured['megapixels']} megapixels, measured on "
        f"{_machine(measured)}.\n"
    )


def _section(task_id: str, entry: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for row in entry["settings"].values() for name in row))
    names.sort(key=_COLUMNS.index)
    rows = [
        f"## {task_id}",
        "",
        f"| PSNR, dB / SSIM | {' | '.join(names)} |",
        f"| --- |{' ---: |' * len(names)}",
    ]
    for setting, columns in entry["settings"].items():
        cells = [f"{columns[name]['psnr']:.2f} / {columns[name]['ssim']:.4f}" for name in names]
        rows.append(f"| {setting} | {' | '.join(cells)} |")
    rows += ["", _conditions(entry["measured"])]
    if "bfloat16_difference" in entry:
        rows += [
            f"A picture finished in bfloat16 is {entry['bfloat16_difference']:.3f} of 255 from one "
            "in float32, on average.",
            "",
        ]
    rows += [_block_steps(name, steps) for name, steps in entry.get("block_steps", {}).items()]
    minutes = sum(run["seconds"] for run in entry["runs"]) / 60
    rows += [
        f"Trained for {minutes:.0f} minutes in {len(entry['runs'])} runs:",
        "",
        "| minutes | steps | by | on | dB on validation crops | gain |",
        "| ---: | ---: | --- | --- | ---: | ---: |",
    ]
    rows += [
        f"| {run['seconds'] / 60:.0f} | {run['steps']:,} | {_optimiser(run)} | "
        f"{run['hardware']} | {run['validation_psnr']:.2f} | {_gain(run)} |"
        for run in entry["runs"]
    ]
    return "\n".join([*rows, ""])


def _block_steps(setting: str, steps: dict[str, float]) -> str:
    return (
        f"Blocks of the JPEG in *{setting}*: steps across their edges exceed other steps by "
        f"{steps['degraded']:.2f} of 255 in the file, {steps['classical']:.2f} after the classical "
        f"method, {steps['network']:.2f} after the network, {steps['truth']:.2f} in the truth "
        "(Y, at the size of the file).\n"
    )


def _optimiser(run: dict[str, Any]) -> str:
    """What moved the weights, and its peak rate; runs that do not say were Adam's."""
    if "optimiser" not in run:
        return "Adam"
    return f"{run['optimiser'].capitalize()}, {run['learning_rate']:.2g}"


def _gain(run: dict[str, Any]) -> str:
    """What a run was worth by its own measure; the earliest ones did not keep their start."""
    if "curve" not in run:
        return ""
    return f"{run['validation_psnr'] - run['curve'][0][1]:+.2f}"


def _trials(trials: dict[str, list[dict[str, Any]]]) -> str:
    parts = [
        "## What was tried",
        "",
        "Relatives of the networks and of their training, each trained for equal minutes of the "
        "processor with the same seed by `python -m deconv_demo.training trials`, from scratch "
        "where nothing else is said; PSNR in dB on the validation crops, seconds in float32, timed "
        "in turn. A few minutes favour what learns fast: they tell apart what is clearly worse, no "
        "more.",
    ]
    for task_id, rows in trials.items():
        settings = list(rows[0]["psnr"])
        parts += [
            "",
            f"| {task_id}, {rows[0]['minutes']:.0f} minutes each | parameters | MACs / output "
            f"pixel | s / output megapixel | steps | {' | '.join(settings)} |",
            f"| --- |{' ---: |' * (4 + len(settings))}",
        ]
        for row in rows:
            psnr = " | ".join(f"{row['psnr'][setting]:.2f}" for setting in settings)
            parts.append(
                f"| {row['name']}: {_arguments(row['network'])} | {row['parameters']:,} | "
                f"{row['macs_per_output_pixel']:,} | {row['seconds_per_output_megapixel']:.2f} | "
                f"{row['steps']:,} | {psnr} |"
            )
    return "\n".join([*parts, ""])


def _arguments(network: dict[str, Any]) -> str:
    """What a network is made of, without what all of a task share."""
    if "channels" in network:
        return f"{network['channels']} channels, {network['blocks']} blocks"
    widths, blocks = ("-".join(map(str, network[name])) for name in ("widths", "blocks"))
    return f"{widths} channels, {blocks} blocks"


def _failures(entries: list[dict[str, Any]]) -> str:
    parts = [
        "## Failures",
        "",
        "Made by `python -m deconv_demo.training failures` from pictures of scikit-image: what "
        "the network was given, what it made of it, and the truth.",
    ]
    for entry in entries:
        parts += [
            "",
            f"![{entry['name']}: damaged, restored, truth](failures/{entry['name']}.png)",
            "",
            f"**{entry['task_id']}, {entry['damage']}.** {entry['what_goes_wrong']} Damaged "
            f"{entry['damaged_psnr']:.2f} dB, {entry['classical']} "
            f"{entry['classical_psnr']:.2f} dB, network {entry['network_psnr']:.2f} dB.",
        ]
    return "\n".join([*parts, ""])


def _upsamplers(entry: dict[str, Any]) -> str:
    rows = [
        "## upsamplers",
        "",
        "Six networks of about 6,000 parameters for the page on uneven overlap, in one file "
        f"({entry['bytes'] / 1e3:.0f} kB): {entry['steps']:,} steps each on the same batches, seed "
        f"{entry['seed']}. They double a picture and are there to be compared with each other. "
        "The grid is the reading of the checkerboard meter; 0 dB is none.",
        "",
        "| enlarged by | PSNR, dB | grid, dB | grid before training, dB |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {kind} | {row['psnr']:.2f} | {row['grid_db']:.1f} | {row['grid_db_before']:.1f} |"
        for kind, row in entry["validation"].items()
    ]
    return "\n".join([*rows, ""])
