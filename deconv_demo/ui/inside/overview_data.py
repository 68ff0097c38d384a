"""Data of the network map, the card of a layer and the choice of a crop."""

import math
from typing import Any

import numpy as np
from PIL import Image

from deconv_demo.inspection import (
    BACKGROUND,
    INPUT,
    OUTPUT,
    LayerFacts,
    NetworkMap,
    feature_grid_image,
    fitted_size,
    order_by_energy,
)
from deconv_demo.pictures import open_picture, to_uint8
from deconv_demo.restoration import load_model
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import Activations
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import Workspace

THUMBNAIL = 64
CROP_PICTURE = 240


def map_value(
    workspace: Workspace,
    activations: Activations,
    corner: tuple[int, int] | None,
    language: str,
) -> dict[str, Any]:
    """Return the network as a drawing: nodes in columns, sizes in rows, and the wires.

    A node shows the strongest of its maps.
    """
    network = crop_session.get_network_map(workspace)
    names = [INPUT, *(node.facts.name for node in network.nodes), OUTPUT]
    levels = _levels(network)
    top = min(levels)
    sizes = [
        network.input_shape[1:],
        *((node.facts.height, node.facts.width) for node in network.nodes),
        network.output_shape[1:],
    ]
    return {
        "nodes": [
            {
                "name": node.facts.name,
                "kind": get_kind(node.facts),
                "row": level - top,
                "channels": node.facts.channels,
                "title": _title(node.facts, language),
                "layers": [node.facts.name, *(facts.name for facts in node.inner)],
            }
            for node, level in zip(network.nodes, levels[1:-1], strict=True)
        ],
        "ends": [
            {"row": levels[0] - top, "title": _input_title(workspace, language)},
            {"row": levels[-1] - top, "title": text(language, "inside.map.output")},
        ],
        # Sizes of layers: a picture whose sides do not fit is padded, and the ends are smaller.
        "rows": [
            _size(max(size for size, at in zip(sizes, levels, strict=True) if at == level))
            for level in range(top, max(levels) + 1)
        ],
        "wires": [
            {
                "from": names.index(edge.source),
                "to": names.index(edge.target),
                "skip": edge.is_skip,
                "join": edge.joined_by,
            }
            for edge in network.edges
        ],
        "sprite": _sprite(workspace, activations, corner, network),
        "legend": [[kind, text(language, f"inside.kind.{kind}")] for kind in _kinds_in(network)],
        "skip": text(language, "inside.map.skip"),
        "label": text(
            language, "inside.map.label", task=text(language, f"task.short.{workspace.task_id}")
        ),
        "slider": text(language, "inside.map.slider"),
        "play": text(language, "inside.map.play"),
    }


def card_value(workspace: Workspace, layer_name: str, language: str) -> dict[str, Any]:
    """Return the card of a layer, which does not depend on a picture: statistics and purpose."""
    node = crop_session.get_network_map(workspace).get_node(layer_name)
    chosen = next(f for f in (*node.inner, node.facts) if f.name == layer_name)
    kernel = []
    if chosen.kernel_size is not None:
        shape = f"{chosen.kernel_size} × {chosen.kernel_size}"
        stride = text(language, "inside.fact.stride", stride=chosen.stride)
        kernel = [[text(language, "inside.fact.kernel"), f"{shape}, {stride}"]]
    seen = chosen.receptive_field
    return {
        "name": chosen.name,
        "kind": text(language, f"inside.kind.{get_kind(chosen)}"),
        "mark": get_kind(chosen),
        "what": _and_what_is_told(text(language, _what(chosen)), workspace, language)
        if chosen.name == "head"
        else text(language, _what(chosen)),
        "facts": [
            [text(language, "inside.fact.shape"), _shape(chosen)],
            *kernel,
            [text(language, "inside.fact.parameters"), f"{chosen.parameters:,}"],
            [text(language, "inside.fact.macs"), _short(chosen.macs)],
            [
                text(language, "inside.fact.field"),
                "–" if seen is None else text(language, "inside.fact.pixels", side=seen),
            ],
        ],
        "parts_label": text(language, "inside.parts"),
        "parts": [
            {
                "layer": facts.name,
                "label": facts.name.removeprefix(f"{node.facts.name}."),
                "chosen": facts.name == layer_name,
            }
            for facts in node.inner
        ]
        + [
            {
                "layer": node.facts.name,
                "label": text(language, "inside.parts.whole"),
                "chosen": node.facts.name == layer_name,
            }
        ]
        * bool(node.inner),
    }


def crop_value(
    workspace: Workspace, corner: tuple[int, int] | None, language: str
) -> dict[str, Any]:
    """Return the input image, small, and the position of the crop in it."""
    picture = open_picture(workspace.network_input).convert("RGB")
    width, height = picture.size
    left, top, right, bottom = crop_session.crop_box(picture.size, corner)
    picture.thumbnail((CROP_PICTURE, CROP_PICTURE))
    whole = (right - left, bottom - top) == (width, height)
    return {
        "picture": data_url(picture),
        "shown": list(picture.size),
        "width": width,
        "height": height,
        "left": left,
        "top": top,
        "crop_width": right - left,
        "crop_height": bottom - top,
        "label": text(language, "inside.crop.label"),
        "caption": text(
            language,
            "inside.crop.whole" if whole else "inside.crop.part",
            width=right - left,
            height=bottom - top,
            left=left,
            top=top,
        ),
    }


def get_kind(facts: LayerFacts) -> str:
    """Return the kind of a layer for the drawing: ``conv``, ``down``, ``up`` or ``block``."""
    if facts.kind == "transposed_conv":
        return "up"
    return "down" if facts.kind == "conv" and (facts.stride or 1) > 1 else facts.kind


def _what(facts: LayerFacts) -> str:
    """Return the key of the sentence on the purpose of a layer."""
    if facts.name in ("head", "tail", "merge"):
        return f"inside.what.{facts.name}"
    return f"inside.what.{get_kind(facts)}"


def _input_title(workspace: Workspace, language: str) -> str:
    return _and_what_is_told(text(language, "inside.map.input"), workspace, language)


def _and_what_is_told(sentence: str, workspace: Workspace, language: str) -> str:
    """Append a sentence on the network's condition."""
    model = load_model(workspace.task_id)
    if model.noise_level_map:
        return f"{sentence} {text(language, 'inside.told.sigma')}"
    return f"{sentence} {text(language, 'inside.told.guide')}" if model.guided else sentence


def _kinds_in(network: NetworkMap) -> list[str]:
    drawn = {get_kind(node.facts) for node in network.nodes}
    return [kind for kind in ("conv", "block", "down", "up") if kind in drawn]


def _levels(network: NetworkMap) -> list[int]:
    """Return how often the size is halved at input, nodes and output; negative where it grew."""
    first = network.nodes[0].facts
    height = network.input_shape[1]
    # Padding to a multiple of some size is not an upsampling layer.
    start = round(math.log2(height / first.height))
    start = start if first.kind == "transposed_conv" else max(start, 0)
    nodes = [start + round(math.log2(first.height / n.facts.height)) for n in network.nodes]
    return [0, *nodes, round(math.log2(height / network.output_shape[1]))]


def _sprite(
    workspace: Workspace,
    activations: Activations,
    corner: tuple[int, int] | None,
    network: NetworkMap,
) -> str:
    """Return the crop, the strongest map of every node, and the output, side by side."""
    restored = Image.fromarray(to_uint8(activations.restored))
    tiles = [_fitted(crop_session.load_crop(workspace, corner).convert("RGB"))]
    for node in network.nodes:
        maps = activations.outputs[node.facts.name][0]
        strongest = order_by_energy(maps)[:1]
        drawn, _ = feature_grid_image(
            maps, strongest, columns=1, tile=THUMBNAIL, common_scale=False
        )
        tiles.append(drawn.convert("RGB"))
    tiles.append(_fitted(restored))
    return data_url(np.concatenate([np.asarray(tile) for tile in tiles], axis=1))


def _fitted(picture: Image.Image) -> Image.Image:
    height, width = fitted_size(picture.height, picture.width, THUMBNAIL)
    tile = Image.new("RGB", (THUMBNAIL, THUMBNAIL), BACKGROUND)
    tile.paste(
        picture.resize((width, height)), ((THUMBNAIL - width) // 2, (THUMBNAIL - height) // 2)
    )
    return tile


def _title(facts: LayerFacts, language: str) -> str:
    parts = [
        facts.name,
        text(language, f"inside.kind.{get_kind(facts)}"),
        _shape(facts),
        text(language, "inside.title.parameters", count=f"{facts.parameters:,}"),
        text(language, "inside.title.macs", count=_short(facts.macs)),
    ]
    if facts.receptive_field is not None:
        parts.append(text(language, "inside.title.field", side=facts.receptive_field))
    return " · ".join(parts)


def _shape(facts: LayerFacts) -> str:
    return f"{facts.channels} × {facts.height} × {facts.width}"


def _size(shape: tuple[int, int]) -> str:
    height, width = shape
    return f"{width} × {height}"


def _short(count: int) -> str:
    """Return a large number with three digits: 1.21 G."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return str(count)
