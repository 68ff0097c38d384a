"""The view of a visitor in the Look inside tab, and its description in words."""

from dataclasses import dataclass

from deconv_demo.inspection import LayerFacts
from deconv_demo.restoration import load_model
from deconv_demo.ui import markup
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import Workspace


@dataclass(frozen=True)
class View:
    """The values that events of the tab get, in that order."""

    workspace: Workspace
    language: str
    seen: str | None  # the file that was last inspected
    corner: tuple[int, int] | None
    layer: str | None
    scale: str
    order: str


def get_note(view: View) -> str:
    """Return a sentence on the crop and its size inside the network."""
    task = text(view.language, f"task.short.{view.workspace.task_id}")
    left, top, right, bottom = crop_session.get_crop_box(view.workspace, view.corner)
    width, height = right - left, bottom - top
    sentences = [text(view.language, "inside.crop", width=width, height=height)]
    padded = crop_session.padded_size(view.workspace, view.corner)
    if padded != (width, height):
        multiple = load_model(view.workspace.task_id).size_multiple
        sentences.append(
            text(
                view.language,
                "inside.padded",
                width=padded[0],
                height=padded[1],
                multiple=multiple,
            )
        )
    return markup.status(f"{task} · {' '.join(sentences)}")


def layer_choices(layers: list[LayerFacts]) -> list[tuple[str, str]]:
    """Return numbered labels of the layers with shape and kind, which need no translation."""
    kinds = {"transposed_conv": "ConvTranspose2d", "conv": "Conv2d", "block": "ResidualBlock"}
    return [
        (
            f"{number} · {facts.name} · {kinds.get(facts.kind, facts.kind)} · "
            f"{facts.channels} × {facts.height} × {facts.width}",
            facts.name,
        )
        for number, facts in enumerate(layers, start=1)
    ]
