"""The model card: the contents of ``weights/metrics.json`` as a readable page."""

from pathlib import Path
from typing import Any

from deconv_demo.tasks import TASKS
from deconv_demo.training.metrics_file import MetricsFileError, read_report
from deconv_demo.training.report.curves import draw_curves
from deconv_demo.training.report.model_card_estimators import (
    blur_reader,
    hardware,
    jpeg_reader,
    noise_reader,
)
from deconv_demo.training.report.model_card_text import CURVES, HEAD, tail

# float16 and another processor change a validation PSNR by less than this.
JUDGED_ALIKE_DB = 0.05
_COLUMNS = [
    "degraded",
    "classical",
    "Wiener, blur read",
    "Wiener, told the blur",
    "network",
    "network in float32",
    "network, strength estimated",
]


def write_card(metrics_path: Path, card_path: Path) -> None:
    """Write the model card from measured numbers, and ``curves.svg`` beside it.

    Raises:
        MetricsFileError: Nothing has been measured yet.
    """
    metrics = read_report(metrics_path)
    if not metrics.get("tasks"):
        raise MetricsFileError(
            f"{metrics_path} holds no measured network yet; run `python -m deconv_demo.training "
            "evaluate --data FOLDER_OF_PHOTOS` first"
        )
    metrics["tasks"] = {name: metrics["tasks"][name] for name in TASKS if name in metrics["tasks"]}
    sections = [HEAD, _overview(metrics["tasks"])]
    if "benchmark" in metrics:
        sections.append(_speed(metrics["benchmark"]))
    sections += [_section(task_id, entry) for task_id, entry in metrics["tasks"].items()]
    sections.append(CURVES)
    card_path.with_name("curves.svg").write_text(draw_curves(metrics["tasks"]), encoding="utf-8")
    if "trials" in metrics:
        sections.append(_trials(metrics["trials"]))
    if "failures" in metrics:
        sections.append(_failures(metrics["failures"]))
    if "blur_reader" in metrics:
        sections.append(blur_reader(metrics["blur_reader"]))
    if "noise_reader" in metrics:
        sections.append(noise_reader(metrics["noise_reader"]))
    if "jpeg_reader" in metrics:
        sections.append(jpeg_reader(metrics["jpeg_reader"]))
    if "upsamplers" in metrics:
        sections.append(_upsamplers(metrics["upsamplers"]))
    card_path.write_text("\n".join(sections) + tail(), encoding="utf-8")


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
        "`enhance`, in one tile (larger pictures are cut into tiles that overlap, and take more "
        "seconds a megapixel); medians. The ratios are steadier than the seconds. A stack of plain "
        "convolutions of the size of DnCNN is there to compare with. int8: the residual blocks "
        "multiply whole numbers of 8 bits; so the networks run where the processor is fast at that "
        "and has no bfloat16.",
        "",
        f"| for a megapixel of the result | computed in | seconds | of *{stack}* | MB |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {row['name']} | {row['dtype']} | {row['seconds_per_megapixel']:.2f} | "
        f"{row['times_dncnn']:.2f} | {row['megabytes_per_megapixel']:.0f} |"
        for row in found["rows"]
    ]
    rows += ["", f"Measured on {_machine(measured)}."]
    return "\n".join(rows) + "\n"


def _machine(measured: dict[str, Any]) -> str:
    parts = [measured["date"], measured["processor"], _threads(measured["threads"])]
    parts += [measured["dtype"]] if "dtype" in measured else []
    return ", ".join([*parts, f"PyTorch {measured['torch']}"])


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


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
    for case in TASKS[task_id].benchmark_cases:
        columns = entry["settings"].get(case.name)
        if columns is None:
            continue
        cells = [_cell(columns[name]) if name in columns else "–" for name in names]
        rows.append(f"| {case.name} | {' | '.join(cells)} |")
    rows += ["", _conditions(entry["measured"])]
    for dtype, difference in entry["rounding_differences"].items():
        rows += [
            f"A damaged face finished in {dtype} is {difference['mean']:.3f} of 255 from one in "
            f"float32 on average, {difference['largest']} at most.",
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
        f"| {run['seconds'] / 60:.0f} | {run['steps']:,} | {_optimizer(run)} | "
        f"{hardware(run)} | {run['validation_psnr']:.2f} | {_gain(run, former)} |"
        for former, run in zip([None, *entry["runs"]], entry["runs"], strict=False)
    ]
    return "\n".join([*rows, ""])


def _cell(found: dict[str, float | None]) -> str:
    psnr = "exact" if found["psnr"] is None else f"{found['psnr']:.2f}"
    return f"{psnr} / {found['ssim']:.4f}"


def _block_steps(case: str, steps: dict[str, float]) -> str:
    return (
        f"Blocks of the JPEG in *{case}*: steps across their edges exceed other steps by "
        f"{steps['degraded']:.2f} of 255 in the file, {steps['classical']:.2f} after the classical "
        f"method, {steps['network']:.2f} after the network, {steps['truth']:.2f} in the truth "
        "(Y, at the size of the file).\n"
    )


def _optimizer(run: dict[str, Any]) -> str:
    """Return the optimizer of a run and its peak rate; runs without an entry used Adam."""
    if "optimiser" not in run:
        return "Adam"
    return f"{run['optimiser'].capitalize()}, {run['learning_rate']:.2g}"


def _gain(run: dict[str, Any], former: dict[str, Any] | None) -> str:
    """Return the validation gain of a run; the earliest ones did not record their start.

    If a run did not start at the end of the one before, because its validation has other
    degradations, its start is given.
    """
    if "curve" not in run:
        return ""
    start = run["curve"][0][1]
    gain = f"{run['validation_psnr'] - start:+.2f}"
    moved = former is not None and abs(start - former["validation_psnr"]) > JUDGED_ALIKE_DB
    return f"{gain} from {start:.2f}" if moved else gain


def _trials(trials: dict[str, list[dict[str, Any]]]) -> str:
    parts = [
        "## What was tried",
        "",
        "Relatives of the networks and of their training, each trained for equal minutes of one "
        "processor with the same seed by `python -m deconv_demo.training trials`, from scratch "
        "where nothing else is said; PSNR in dB on the validation crops, seconds in float32, timed "
        "in turn. A few minutes favour what learns fast: they tell apart what is clearly worse, no "
        "more. What learns faster from scratch (collapsible convolutions) did not take trained "
        "weights further than what ships.",
    ]
    for task_id, rows in trials.items():
        settings = list(rows[0]["psnr"])
        columns = ["parameters", "MACs / output pixel", "s / output megapixel", "steps", *settings]
        parts += [
            "",
            f"| {task_id}, {rows[0]['minutes']:.0f} minutes each | {' | '.join(columns)} |",
            f"| --- |{' ---: |' * len(columns)}",
        ]
        for row in rows:
            cells = [f"{row['name']}: {_arguments(row['network'])}", f"{row['parameters']:,}"]
            cells += [f"{row['macs_per_output_pixel']:,}"]
            cells += [f"{row['seconds_per_output_megapixel']:.2f}", f"{row['steps']:,}"]
            cells += [*(f"{row['psnr'][name]:.2f}" for name in settings)]
            parts.append(f"| {' | '.join(cells)} |")
        machines = {_machine(row["measured"]) for row in rows}
        parts += ["", *(f"Timed on {machine}." for machine in sorted(machines))]
    return "\n".join([*parts, ""])


def _arguments(network: dict[str, Any]) -> str:
    """Return the arguments of a network, without those that all networks of its task share."""
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
        "PSNR in RGB, on the middle 256 × 256 of held-out photographs, borders and all. The grid "
        "is the reading of the checkerboard meter: how far the period of the stride stands out of "
        "what is around it; none at 0 dB or below.",
        "",
        "| enlarged by | PSNR, dB | grid, dB | grid before training, dB |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {kind} | {row['psnr']:.2f} | {row['grid_db']:.1f} | {row['grid_db_before']:.1f} |"
        for kind, row in entry["validation"].items()
    ]
    return "\n".join([*rows, ""])
