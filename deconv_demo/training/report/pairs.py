"""Real photographs: pairs of a degraded picture and its ground truth, restored blind."""

import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from deconv_demo.classical import psnr, y_channel
from deconv_demo.pictures import open_picture, to_image
from deconv_demo.restoration import enhance
from deconv_demo.tasks import TASKS
from deconv_demo.training.data import PICTURE_SUFFIXES, DataError

# Endings by which sets tell a picture from its ground truth: "01_noisy", "01_real", "01_mean".
_ENDING = re.compile(r"[-_ ](noisy|real|mean|clean|gt|blurred|blurry|sharp|hr|lr)$", re.IGNORECASE)
# A result worse than its input by so much, in dB, counts as harm.
HARM = 0.1


def evaluate_pairs(
    task_id: str,
    *,
    degraded: Path,
    truth: Path,
    shift: int = 0,
    luma: bool = False,
    careful: bool = False,
) -> dict[str, Any]:
    """Restore every picture of a folder blind, and measure it against its ground truth.

    Args:
        task_id: Key of ``TASKS``, one that keeps the size.
        degraded: Folder of real pictures.
        truth: Folder of their ground truths, of the same names but for endings such as "_mean".
        shift: PSNR is the best over so many pixels of shift to all sides, the border cut off: of a
            blur nobody knows where the sharp picture lay.
        luma: Whether to measure on Y of BT.601, as papers on JPEG artifacts do.
        careful: As for ``enhance``.

    Returns:
        ``pictures`` (name, ``input`` and ``output`` in dB, and what was read), their means, and
        ``worse``, the number of those that lost more than 0.1 dB.

    Raises:
        DataError: A picture has no ground truth, or one of another size.
    """
    if TASKS[task_id].scale != 1:
        raise DataError(f"{task_id} changes the size; measure it with evaluate --low-resolution")
    rows: list[dict[str, Any]] = []
    for name, given, clean in _pairs(degraded, truth):
        result = enhance(given, task_id, careful=careful)
        before, after = (
            _best_psnr(picture, clean, shift=shift, luma=luma) for picture in (given, result.after)
        )
        read = {
            key: round(float(result.facts[key]), 4)
            for key in ("sigma", "quality", "share")
            if result.facts.get(key) is not None
        }
        rows.append({"name": name, "input": round(before, 3), "output": round(after, 3), **read})
        print(json.dumps(rows[-1]), flush=True)
    means = {
        key: round(statistics.fmean(row[key] for row in rows), 3) for key in ("input", "output")
    }
    worse = sum(row["output"] < row["input"] - HARM for row in rows)
    found = {"task_id": task_id, "pictures": rows, **means, "worse": worse}
    print(
        f"{task_id}: {len(rows)} pictures, {means['input']:.2f} -> {means['output']:.2f} dB, "
        f"{worse} worse by more than {HARM} dB"
    )
    return found


def _pairs(degraded: Path, truth: Path) -> Iterator[tuple[str, Image.Image, Image.Image]]:
    truths: dict[str, Path] = {}
    for path in _files(truth):
        if (other := truths.setdefault(_stem(path), path)) is not path:
            raise DataError(f"{other.name} and {path.name} are truths of one name; remove one")
    found = [(path, truths.get(_stem(path))) for path in _files(degraded)]
    missing = [path.name for path, twin in found if twin is None]
    if missing:  # before minutes of work
        raise DataError(f"{missing[0]} has no ground truth of its name in {truth}")
    for path, twin in found:
        given, clean = open_picture(path), open_picture(twin)
        if given.size != clean.size:
            raise DataError(f"{path.name} is {given.size}, its ground truth {clean.size}")
        yield path.name, given, clean


def _files(folder: Path) -> list[Path]:
    found = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else [])
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"there are no pictures in {folder}")
    return found


def _stem(path: PurePath) -> str:
    return _ENDING.sub("", path.stem).lower()


def _best_psnr(picture: Image.Image, clean: Image.Image, *, shift: int, luma: bool) -> float:
    """Return the PSNR of a picture, the best over shifts."""
    image, truth = to_image(picture), to_image(clean)
    if luma:
        image, truth = y_channel(image), y_channel(truth)
    if not shift:
        return psnr(image, truth)
    inner = truth[..., shift:-shift, shift:-shift]
    height, width = inner.shape[-2:]
    found = [
        psnr(image[..., top : top + height, left : left + width], inner)
        for top in range(2 * shift + 1)
        for left in range(2 * shift + 1)
    ]
    return float(np.max(found))
