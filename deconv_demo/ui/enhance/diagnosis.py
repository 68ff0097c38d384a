"""What does this photo need? One look, a strip of crops, and the steps in their order."""

import dataclasses
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from deconv_demo.pictures import open_picture
from deconv_demo.restoration import Diagnosis, Enhancement, TileProgress, diagnose, enhance
from deconv_demo.restoration import enhance_by_tile as by_tile
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.enhance.workflow import Step, still_there, tile_step
from deconv_demo.ui.texts import LANGUAGES, text
from deconv_demo.ui.workspace import FileStore, Workspace, preview_crop

# Side of the crops of the strip, in pixels of the photo.
STRIP_SIDE = 144
# The crop is run with so much around it, so that its borders are like those of the whole.
_AROUND = 48


@dataclasses.dataclass(frozen=True, kw_only=True)
class StripItem:
    """One crop of the strip.

    Attributes:
        task_id: The repair it shows; None for the photo as it is.
        picture: The crop.
    """

    task_id: str | None
    picture: Image.Image


def look_at(workspace: Workspace) -> tuple[Diagnosis, list[StripItem]]:
    """Diagnose the picture of a workspace, and try each step on its busiest part.

    Raises:
        PictureError: There is no picture, or it has been deleted because of its age.
    """
    picture = open_picture(still_there(workspace.source))
    found = diagnose(picture)
    part = _busiest_part(picture)
    strip = [StripItem(task_id=None, picture=_middle(part))]
    for task_id in (*found.steps, *found.optional):
        controls = _read_values(found, task_id)
        after = enhance(part, task_id, **controls).after
        scale = after.width // part.width
        strip.append(StripItem(task_id=task_id, picture=_middle(after, scale)))
    return found, strip


def _read_values(found: Diagnosis, task_id: str) -> dict[str, Any]:
    """Return what was read of the whole picture, for a run on a part of it."""
    if task_id == "denoise":
        return {"sigma": min(found.noise.sigma, 75 / 255)}
    if task_id == "jpeg":
        (quality,) = (f.values["quality"] for f in found.findings if f.name == "jpeg")
        return {"quality": max(quality, 5)}
    if task_id == "deblur" and found.kernel is not None:
        return {"kernel": found.kernel}
    return {}


def _busiest_part(picture: Image.Image) -> Image.Image:
    """Cut the part with most contrast, with what lies around it."""
    side = STRIP_SIDE + 2 * _AROUND
    width, height = (min(side, length) for length in picture.size)
    gray = np.asarray(picture.convert("L"))
    places = [
        (top, left)
        for top in range(0, gray.shape[0] - height + 1, side // 2)
        for left in range(0, gray.shape[1] - width + 1, side // 2)
    ]

    def contrast(place: tuple[int, int]) -> float:
        top, left = place
        return float(gray[top : top + height : 2, left : left + width : 2].std())

    top, left = max(places, key=contrast)
    return picture.crop((left, top, left + width, top + height))


def _middle(picture: Image.Image, scale: int = 1) -> Image.Image:
    """Cut the middle, in RGB."""
    side = min(STRIP_SIDE * scale, *picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    return picture.crop((left, top, left + side, top + side)).convert("RGB")


def diagnosis_html(found: Diagnosis, strip: list[StripItem]) -> str:
    """Return findings, strip and steps as HTML, in all languages: the page shows its own."""
    return "".join(
        f'<div data-language="{language}">{_in_language(language, found, strip)}</div>'
        for language in LANGUAGES
    )


def _in_language(language: str, found: Diagnosis, strip: list[StripItem]) -> str:
    lines = "".join(
        f'<li class="{"wrong" if finding.is_wrong else "fine-finding"}">'
        f"{escape(_sentence(language, found, finding.name))}</li>"
        for finding in found.findings
    )
    figures = "".join(
        f'<figure><img src="{data_url(np.asarray(item.picture))}" alt="" width="96" height="96">'
        f"<figcaption>{escape(_name(language, item.task_id))}</figcaption></figure>"
        for item in strip
    )
    if found.steps:
        names = " → ".join(text(language, f"task.short.{task_id}") for task_id in found.steps)
        advice = text(language, "diagnosis.steps", steps=names)
    else:
        advice = text(language, "diagnosis.nothing")
    if found.optional:
        advice += " " + text(language, "diagnosis.small")
    return (
        f'<div class="diagnosis"><ul>{lines}</ul><div class="strip">{figures}</div>'
        f"<p><strong>{escape(advice)}</strong></p></div>"
    )


def _name(language: str, task_id: str | None) -> str:
    return text(language, f"task.short.{task_id}" if task_id else "diagnosis.as_it_is")


def _sentence(language: str, found: Diagnosis, name: str) -> str:
    (finding,) = (finding for finding in found.findings if finding.name == name)
    key = f"diagnosis.{name}" if finding.is_wrong or name == "size" else f"diagnosis.{name}.none"
    if finding.values.get("is_hidden"):
        return text(language, f"diagnosis.{name}.hidden")
    if name == "noise" and finding.is_wrong:
        key += ".coarse" if finding.values["grain"] >= 1.5 else ".fine"
    if name == "jpeg" and finding.is_wrong:
        file_quality = finding.values["file_quality"]
        if file_quality is None:
            key += ".pixels"
        elif finding.values["quality"] < file_quality - 10:
            key += ".twice"
    return text(language, key, **finding.values)


def run_steps(
    workspace: Workspace, steps: list[str], language: str, store: FileStore
) -> Iterator[Step | Workspace]:
    """Run several tasks one after the other; yields steps first, the new workspace last."""
    yield text(language, "status.preparing"), None
    first = picture = open_picture(still_there(workspace.source))
    seconds = 0.0
    for number, task_id in enumerate(steps, 1):
        given = picture
        for progress in by_tile(picture, task_id):
            if isinstance(progress, TileProgress):
                sentence, share = tile_step(progress, task_id, language)
                step = text(
                    language,
                    "diagnosis.step",
                    number=number,
                    count=len(steps),
                    task=text(language, f"task.short.{task_id}"),
                )
                done = number - 1 + (share or 0)
                yield f"{step} · {sentence}", done / len(steps)
            else:
                result: Enhancement = progress
        picture, seconds = result.after, seconds + result.seconds
    yield text(language, "status.writing"), 1.0
    name = f"{workspace.name}-{'-'.join(steps)}"
    before, shown = preview_crop(first), preview_crop(picture)
    after = store.save_image(picture, f"{name}.png")
    facts = {**result.facts, "seconds": seconds, "estimated": True, "size": picture.size}
    facts |= {"steps": steps, "told_blur": False}
    preview_after = None
    if shown.size != picture.size:
        facts["shown"] = shown.size
        preview_after = store.save_image(shown, f"{name}-middle.png")
    yield dataclasses.replace(
        workspace,
        task_id=steps[-1],
        network_input=store.save_image(given, f"{workspace.name}-given.png"),
        before=store.save_image(before, f"{name}-before.png"),
        after=after,
        preview_after=preview_after,
        restored=after,
        size=shown.size,
        facts=facts,
        scores=(),
        truth=None,
    )


def empty_diagnosis() -> tuple[str, Any, list[str]]:
    """Return the updates that forget a diagnosis: text, button, steps."""
    return "", gr.Button(visible=False), []
