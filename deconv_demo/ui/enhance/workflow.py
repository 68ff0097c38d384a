"""The workflow of the Enhance tab in plain Python: workspaces in, workspaces out."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from deconv_demo.pictures import PictureError, open_picture, to_image
from deconv_demo.restoration import (
    BLURS,
    DegradationSpec,
    Enhancement,
    KernelError,
    Score,
    TileProgress,
    blend,
    degrade,
    enhance_by_tile,
    prepare_reference,
    score_result,
    scores,
)
from deconv_demo.tasks import TASKS
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import FileStore, Workspace, preview_crop, safe_stem

log = logging.getLogger(__name__)

# A progress report: a sentence and the fraction that is done (None: unknown).
Step = tuple[str, float | None]


def choose(path: str | None, store: FileStore) -> tuple[Workspace, Path | None]:
    """Take a file that a visitor chose.

    Returns:
        The new workspace, and a PNG of the picture where the browser could not show the file
        itself (TIFF and HEIC, and modes that browsers paint differently), else None.

    Raises:
        PictureError: The file is no picture that can be used.
    """
    if path is None:
        return Workspace(), None
    picture = open_picture(path)
    source = Path(path)
    workspace = Workspace(source=source, name=safe_stem(source.name), size=picture.size)
    if _browsers_show(source):
        return workspace, None
    return workspace, store.save_image(preview_crop(picture), f"{workspace.name}.png")


def run_task(
    workspace: Workspace,
    task_id: str,
    controls: dict[str, Any],
    language: str,
    store: FileStore,
) -> Iterator[Step | Workspace]:
    """Run a task on the picture of a workspace; yields steps first, the new workspace last."""
    source = still_there(workspace.source)
    yield text(language, "status.preparing"), None
    picture = open_picture(source)
    # A ground truth is of use only at the output size of the task.
    truth = _truth_for(workspace, picture, task_id)
    if truth is None:
        workspace = dataclasses.replace(workspace, scores=())
    judge_it = partial(score_result, truth, picture, sigma=workspace.sigma)
    yield from _run(workspace, picture, truth, judge_it, task_id, controls, language, store)


def run_reference_test(
    workspace: Workspace,
    task_id: str,
    controls: dict[str, Any],
    spec: DegradationSpec,
    language: str,
    store: FileStore,
) -> Iterator[Step | Workspace]:
    """Take the picture as ground truth, degrade it, run the task, and score the result."""
    source = still_there(workspace.source)
    yield text(language, "status.damaging"), None
    # The ground truth of an example is the clean picture, not the degraded one on the page.
    clean = open_picture(still_there(workspace.reference) if workspace.is_example else source)
    scale = TASKS[task_id].scale
    truth = prepare_reference(clean, scale)
    damaged = degrade(truth, dataclasses.replace(spec, scale=scale))
    judge_it = partial(score_result, truth, damaged, sigma=spec.sigma)
    for step in _run(workspace, damaged, truth, judge_it, task_id, controls, language, store):
        if isinstance(step, Workspace) and spec.blur is not None:
            added = BLURS[spec.blur](spec.blur_size).tolist()
            step = dataclasses.replace(step, facts={**step.facts, "blur_added": added})
        yield step


def degradation_from_controls(
    task_id: str, *, noise: float, blur: str, blur_size: float, jpeg_quality: float
) -> DegradationSpec:
    """Turn the controls of the page into a ``DegradationSpec``; only deblurring blurs."""
    return DegradationSpec(
        sigma=noise / 255,
        blur=blur if task_id == "deblur" and blur in BLURS else None,
        blur_size=blur_size,
        jpeg_quality=None if jpeg_quality >= 100 else round(jpeg_quality),
    )


def change_amount(workspace: Workspace, amount: float, store: FileStore) -> Workspace:
    """Blend the last result with the network's input, without running it again."""
    before = open_picture(still_there(workspace.network_input))
    restored = open_picture(still_there(workspace.restored))
    after = blend(before, restored, amount)
    shown = preview_crop(after)
    return dataclasses.replace(
        workspace,
        after=store.save_image(after, workspace.after.name),
        preview_after=None
        if shown is after
        else store.save_image(shown, workspace.preview_after.name),
        facts={**workspace.facts, "amount": amount},
        scores=_scores_of_blend(workspace, after),
    )


def encode(workspace: Workspace, suffix: str, store: FileStore) -> Path:
    """Return the result as a file of another format, with its metadata."""
    after = still_there(workspace.after)
    if after.suffix == f".{suffix}":
        return after
    picture = open_picture(after)
    return store.save_image(picture, f"{workspace.after.stem}.{suffix}")


def is_our_fault(error: Exception) -> bool:
    """Return whether an error belongs in the log, because no visitor could have avoided it."""
    return not isinstance(error, PictureError | KernelError)


def _scores_of_blend(workspace: Workspace, after: Image.Image) -> tuple[Score, ...]:
    """Score a blended result again; degraded picture and classical method keep their scores."""
    if not workspace.scores:
        return ()
    clean = to_image(open_picture(still_there(workspace.truth)))
    value, similarity = scores(to_image(after), clean, TASKS[workspace.task_id])
    network = dataclasses.replace(workspace.scores[-1], psnr_db=value, ssim=similarity)
    return (*workspace.scores[:-1], network)


def _browsers_show(source: Path) -> bool:
    """Return whether browsers can show a file as it is, by its content and its name."""
    if source.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"):
        return False
    try:
        with Image.open(source) as picture:
            return picture.format in ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "AVIF")
    except OSError:  # a photo of a telephone that is called .JPG and is none
        return False


def still_there(path: Path | None) -> Path:
    """Return a file of a workspace.

    Raises:
        PictureError: There never was one, or it has been deleted because of its age.
    """
    if path is None:
        raise PictureError("no_picture")
    if not path.exists():
        raise PictureError("expired")
    return path


def _truth_for(workspace: Workspace, picture: Image.Image, task_id: str) -> Image.Image | None:
    # After a reference test the clean picture itself may be run: then there is no ground truth.
    if not workspace.is_example:
        return None
    truth = open_picture(still_there(workspace.reference))
    scale = TASKS[task_id].scale
    fits = truth.size == (picture.width * scale, picture.height * scale)
    return truth if fits else None


def _run(
    workspace: Workspace,
    picture: Image.Image,
    truth: Image.Image | None,
    judge_it: Callable[..., list[Score]],
    task_id: str,
    controls: dict[str, Any],
    language: str,
    store: FileStore,
) -> Iterator[Step | Workspace]:
    for progress in enhance_by_tile(picture, task_id, **controls):
        if isinstance(progress, TileProgress):
            yield tile_step(progress, task_id, language)
            continue
        result: Enhancement = progress
    yield text(language, "status.writing"), 1.0
    judged = ()
    if truth is not None:
        yield text(language, "status.judging"), 1.0
        judged = tuple(judge_it(result=result))
    facts = {
        **result.facts,
        "seconds": result.seconds,
        "estimated": any(
            name in result.facts and controls.get(name) is None for name in ("sigma", "quality")
        ),
        "told_blur": "kernel" in controls,
    }
    before, after = preview_crop(result.before), preview_crop(result.after)
    name = f"{workspace.name}-{task_id}"
    after_path = store.save_image(result.after, f"{name}.png")
    preview_after = None
    if after.size != result.after.size:
        facts["shown"] = after.size
        preview_after = store.save_image(after, f"{name}-middle.png")
    blended = result.after is not result.restored
    yield dataclasses.replace(
        workspace,
        task_id=task_id,
        network_input=store.save_image(picture, f"{workspace.name}-given.png"),
        before=store.save_image(before, f"{name}-before.png"),
        after=after_path,
        preview_after=preview_after,
        restored=store.save_image(result.restored, f"{name}-full.png") if blended else after_path,
        size=after.size,
        facts={**facts, "size": result.after.size},
        scores=judged,
        truth=None if truth is None else store.save_image(truth, f"{workspace.name}-truth.png"),
    )


def tile_step(progress: TileProgress, task_id: str, language: str) -> Step:
    """Return the sentence and the fraction of a run's progress."""
    if not progress.done and TASKS[task_id].guided:
        return text(language, "status.blur"), 0.0
    sentence = text(language, "status.tile", done=progress.done, total=progress.total)
    if progress.seconds_left is not None and progress.done < progress.total:
        left = text(language, "status.left", seconds=max(1, round(progress.seconds_left)))
        sentence = f"{sentence} · {left}"
    return sentence, progress.done / progress.total
