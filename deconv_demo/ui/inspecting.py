"""What the Look inside tab shows: the layers of a network and their maps on a picture."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from deconv_demo import images
from deconv_demo.atlas import atlas, colourise
from deconv_demo.inspection import describe_map, order_by_energy, record_feature_maps
from deconv_demo.layers import LayerFacts, list_layers
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import Workspace
from deconv_demo.weights import load_model

LARGEST_CROP = 256
TILE = 96
COLUMNS = 16
ENLARGED_SIDE = 512


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """One layer on one picture.

    Attributes:
        facts: Of the layer.
        maps: ``(C, h, w)`` float32.
        crop: Width and height of the part of the picture that was run.
    """

    facts: LayerFacts
    maps: Tensor
    crop: tuple[int, int]


def layers_of(workspace: Workspace) -> list[LayerFacts]:
    """Return the layers of the network last used, in the order of the data."""
    return list(_layers(workspace.task_id, *crop_of(workspace).size))


@lru_cache(maxsize=32)
def _layers(task_id: str, width: int, height: int) -> tuple[LayerFacts, ...]:
    model = load_model(task_id)
    image = torch.zeros(1, 3, height, width)
    sigma = [torch.zeros(1)] if model.noise_level_map else []
    return tuple(list_layers(model, image, *sigma))


def crop_of(workspace: Workspace, corner: tuple[int, int] | None = None) -> Image.Image:
    """Return the part of the given picture that is looked at, at most 256 a side.

    Args:
        workspace: With a result.
        corner: Left and top of the part; moved into the picture where it would reach beyond.
            None takes the middle.
    """
    picture = images.open_picture(workspace.given)
    return picture.crop(crop_box(picture.size, corner))


def crop_box(
    size: tuple[int, int], corner: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the crop of a picture of ``size``.

    >>> crop_box((400, 100)), crop_box((400, 100), (390, -5))
    ((72, 0, 328, 100), (144, 0, 400, 100))
    """
    sides = [min(side, LARGEST_CROP) for side in size]
    if corner is None:
        corner = tuple((whole - cut) // 2 for whole, cut in zip(size, sides, strict=True))
    left, top = (
        min(max(int(start), 0), whole - cut)
        for start, whole, cut in zip(corner, size, sides, strict=True)
    )
    return left, top, left + sides[0], top + sides[1]


def run_inputs(workspace: Workspace, corner: tuple[int, int] | None = None) -> list[Tensor]:
    """Return what the network takes for the crop: the image and, where it is told, sigma.

    Returns:
        ``(1, 3, h, w)`` in channels-last order and, for a network with a noise-level map,
        ``(1,)``. Both float32, though a run of the whole picture may use bfloat16: what is
        looked at should not be rounded.
    """
    image = images.to_image(crop_of(workspace, corner))
    image = image.contiguous(memory_format=torch.channels_last)
    if not load_model(workspace.task_id).noise_level_map:
        return [image]
    return [image, torch.tensor([workspace.facts["sigma"]])]


def view_layer(workspace: Workspace, layer_name: str) -> LayerView:
    """Run the network on the crop and keep the maps of one layer.

    Raises:
        ValueError: The network has no such layer.
    """
    facts = next((f for f in layers_of(workspace) if f.name == layer_name), None)
    if facts is None:
        raise ValueError(f"{workspace.task_id} has no layer {layer_name!r}")
    crop = crop_of(workspace)
    return LayerView(facts=facts, maps=_maps(workspace, layer_name), crop=crop.size)


def _maps(workspace: Workspace, layer_name: str) -> Tensor:
    model = load_model(workspace.task_id)
    with torch.inference_mode(), record_feature_maps(model, [layer_name]) as maps:
        model(*run_inputs(workspace))
    return maps[layer_name][0]


def explain(facts: LayerFacts) -> str:
    """Return the key of the sentence that says what a layer does."""
    if facts.name in ("head", "tail", "merge"):
        return f"inside.what.{facts.name}"
    if facts.kind == "transposed_conv":
        return "inside.what.up"
    if facts.kind == "conv" and (facts.stride or 1) > 1:
        return "inside.what.down"
    return "inside.what.block" if facts.kind == "block" else "inside.what.conv"


def atlas_value(view: LayerView, language: str, *, common_scale: bool) -> dict[str, Any]:
    """Return what the grid of maps shows: one picture, and the numbers of each map."""
    order = order_by_energy(view.maps)
    pixels, _ = atlas(
        view.maps, order, columns=COLUMNS, tile=TILE, common_scale=common_scale, gap=0
    )
    low, high = view.maps.min().item(), view.maps.max().item()
    signed = low < 0
    return {
        "picture": data_url(pixels),
        "columns": COLUMNS,
        "rows": -(-len(order) // COLUMNS),
        "maps": [
            {
                "channel": channel,
                "name": text(language, "inside.map", channel=channel),
                "title": _caption(view, channel, language),
            }
            for channel in order
        ],
        "legend": text(language, "inside.legend.signed" if signed else "inside.legend.unsigned"),
        "signed": signed,
        "facts": [
            text(
                language,
                "inside.shape",
                channels=view.facts.channels,
                width=view.facts.width,
                height=view.facts.height,
            ),
            text(language, "inside.range", low=f"{low:.3g}", high=f"{high:.3g}"),
            text(language, "inside.parameters", count=f"{view.facts.parameters:,}"),
        ],
        "what": text(language, explain(view.facts)),
        "choose": text(language, "inside.choose"),
    }


def enlarged_value(view: LayerView, channel: int, language: str) -> dict[str, Any]:
    """Return one map at every pixel it has, and its numbers.

    Raises:
        ValueError: The layer has no such channel.
    """
    if not 0 <= channel < len(view.maps):
        raise ValueError(f"{view.facts.name} has {len(view.maps)} channels, not {channel}")
    feature_map = view.maps[channel]
    limit = torch.quantile(feature_map.abs().flatten(), 0.995).item()
    pixels = colourise(feature_map, signed=bool((view.maps < 0).any()), limit=limit or 1.0)
    times = max(1, ENLARGED_SIDE // max(pixels.shape[:2]))
    return {
        "picture": data_url(pixels.repeat(times, axis=0).repeat(times, axis=1)),
        "caption": _caption(view, channel, language),
    }


def _caption(view: LayerView, channel: int, language: str) -> str:
    numbers = describe_map(view.maps[channel])
    return text(
        language,
        "inside.enlarged",
        channel=channel,
        low=f"{numbers['min']:.3g}",
        high=f"{numbers['max']:.3g}",
        mean=f"{numbers['mean']:.3g}",
        dead=f"{100 * numbers['dead']:.0f}",
    )


def data_url(pixels: np.ndarray) -> str:
    """Return pixels as a PNG that needs no request of its own."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


def has_result(workspace: Workspace) -> bool:
    """Whether there is a picture that a network was given, its file not yet cleaned away."""
    return workspace.given is not None and Path(workspace.given).exists()
