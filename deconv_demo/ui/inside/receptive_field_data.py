"""Data of the receptive-field section: fields and influence of a pixel as heat over a picture."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deconv_demo.inspection import (
    color_limit,
    colorize,
    effective_receptive_field,
    influence_map,
    influence_window,
    order_by_energy,
    receptive_window,
)
from deconv_demo.networks import blank_inputs, crop_inputs
from deconv_demo.pictures import to_uint8
from deconv_demo.restoration import load_model
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import Activations
from deconv_demo.ui.workspace import Workspace

# Heat covers this many decibels below the strongest pixel.
RANGE_DB = 60
Window = tuple[range, range]
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def pictures_value(
    workspace: Workspace,
    corner: tuple[int, int] | None,
    activations: Activations,
    layer_name: str | None,
) -> dict[str, Any]:
    """Return the two pictures to click on, and the strongest map of the chosen layer."""
    image = crop_session.run_inputs(workspace, corner)[0]
    layers = {facts.name: facts for facts in crop_session.get_layers(workspace)}
    name = layer_name if layer_name in layers else next(iter(layers))
    maps = crop_session.view_layer(workspace, name, activations, corner).maps
    return {
        "state": view_key(workspace, corner, name),
        "input": get_image_url(image),
        "output": get_image_url(activations.restored),
        "size": _size(image),
        "output_size": _size(activations.restored),
        "range_db": RANGE_DB,
        "guided": load_model(workspace.task_id).guided,
        "layer": name,
        "channels": len(maps),
        "map": feature_map_view(workspace, corner, activations, name, order_by_energy(maps)[0]),
    }


def view_key(workspace: Workspace, corner: tuple[int, int] | None, layer_name: str | None) -> str:
    """Return a key that distinguishes one ``pictures_value`` from another."""
    return f"{crop_session.view_key(workspace, corner)} {layer_name}"


def feature_map_view(
    workspace: Workspace,
    corner: tuple[int, int] | None,
    activations: Activations,
    layer_name: str,
    channel: int,
) -> dict[str, Any]:
    """Return one map, and its strongest unit.

    Raises:
        ValueError: There is no such layer or channel.
    """
    maps = crop_session.view_layer(workspace, layer_name, activations, corner).maps
    if not 0 <= channel < len(maps):
        raise ValueError(f"{layer_name} has {len(maps)} channels, not {channel}")
    values, signed = maps[channel], bool((maps < 0).any())
    # The border is left out: there the receptive field of a unit is cut off.
    margin = min(values.shape) // 8
    inner = values[margin : values.shape[0] - margin, margin : values.shape[1] - margin]
    row, column = divmod(int(inner.argmax()), inner.shape[1])
    pixels = colorize(values, signed=signed, limit=color_limit(values) or 1.0)
    return {
        "layer": layer_name,
        "channel": channel,
        "picture": data_url(pixels),
        "size": [values.shape[1], values.shape[0]],
        "signed": signed,
        "strongest": {"row": row + margin, "column": column + margin},
    }


def field_value(
    workspace: Workspace, corner: tuple[int, int] | None, row: int, column: int
) -> dict[str, Any]:
    """Return the effective receptive field of an output pixel, as heat over the input.

    Raises:
        ValueError: The output has no such pixel.
    """
    model = load_model(workspace.task_id)
    inputs = crop_session.run_inputs(workspace, corner)
    image, scale = inputs[0], getattr(model, "scale", 1)
    window = receptive_window(model, _last_layer(model), *inputs, row=row, column=column)
    rows, columns = _cut_for([window], image, model.size_multiple)
    field = torch.zeros(image.shape[-2:])
    field[rows, columns] = effective_receptive_field(
        model,
        crop_inputs(inputs, rows, columns),
        row=row - scale * rows.start,
        column=column - scale * columns.start,
    )
    center = (row // scale, column // scale)
    return {
        "kind": "field",
        "at": {"row": row, "column": column},
        "heat": _heat(field, image),
        "window": _ends(tuple(_inside(*side) for side in zip(window, field.shape, strict=True))),
        "unbounded": get_sides(window),
        **_spread(field, center),
    }


def reach_value(
    workspace: Workspace, corner: tuple[int, int] | None, row: int, column: int
) -> dict[str, Any]:
    """Return the influence of an input pixel, as heat over the output.

    Raises:
        ValueError: The picture has no such pixel.
    """
    model = load_model(workspace.task_id)
    inputs = crop_session.run_inputs(workspace, corner)
    image = inputs[0]
    height, width = image.shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"the picture is {height} rows of {width}, not ({row}, {column})")
    scale, last = getattr(model, "scale", 1), _last_layer(model)
    window = influence_window(model, last, *inputs, row=row, column=column)
    ends = [
        receptive_window(model, last, *inputs, row=r, column=c)
        for r, c in ((window[0][0], window[1][0]), (window[0][-1], window[1][-1]))
    ]
    # A whole receptive field on every side, so that no border is in the way.
    grid = model.size_multiple
    border = -(-max(len(side) for end in ends for side in end) // grid) * grid
    phase = (row % grid, column % grid)
    rows, columns = _cut_for(ends, image, grid)
    part = crop_inputs(inputs, rows, columns)
    reach = torch.zeros(scale * height, scale * width)
    reach[_scaled(rows, scale), _scaled(columns, scale)] = influence_map(
        model, part, row=row - rows.start, column=column - columns.start
    )
    with torch.no_grad():
        under = model(*inputs) if scale == 1 else _nearest(image, scale)
    center = (scale * row + scale // 2, scale * column + scale // 2)
    return {
        "kind": "reach",
        "at": {"row": row, "column": column},
        "heat": _heat(reach, under),
        "window": _ends(window),
        "unbounded": get_sides(_unbounded_reach(model, border, *phase)),
        **_spread(reach, center),
    }


@lru_cache(maxsize=8)
def _last_layer(model: nn.Module) -> str:
    """Return the last convolution, whose window bounds the network's receptive field."""
    return [name for name, module in model.named_modules() if isinstance(module, _CONVOLUTIONS)][-1]


@lru_cache(maxsize=256)
def _unbounded_reach(model: nn.Module, border: int, row: int, column: int) -> Window:
    """Return the window that the input pixel could affect in an unbounded picture.

    Only its place on the grid of the strides, ``row`` and ``column``, matters.
    """
    side = 2 * border + model.size_multiple
    inputs = [value.to("meta") for value in blank_inputs(model, side, side)]
    place = {"row": row + border, "column": column + border}
    return influence_window(model, _last_layer(model), *inputs, **place)


def _inside(side: range, length: int) -> range:
    return range(max(0, side.start), min(length, side.stop))


def _cut_for(windows: list[Window], image: Tensor, multiple: int) -> tuple[slice, slice]:
    """Return the part of the picture that matters, on the grid of the strides."""
    parts = []
    for axis in (0, 1):
        first = min(window[axis][0] for window in windows)
        last = max(window[axis][-1] for window in windows)
        start = max(0, first // multiple * multiple)
        stop = min(image.shape[-2 + axis], -(-(last + 1) // multiple) * multiple)
        parts.append(slice(start, stop))
    return parts[0], parts[1]


def _spread(values: Tensor, center: tuple[int, int]) -> dict[str, Any]:
    """Return the fraction in the pixel itself, and half sides of the squares of 50 % and 95 %."""
    rows, columns = (
        torch.arange(length) - at for length, at in zip(values.shape, center, strict=True)
    )
    distance = torch.maximum(rows.abs()[:, None], columns.abs()[None, :])
    by_distance = torch.bincount(distance.flatten(), weights=values.flatten().double())
    shares = by_distance.cumsum(0) / by_distance.sum().clamp(min=torch.finfo().tiny)
    return {
        "half": int((shares < 0.5).sum()),
        "most": int((shares < 0.95).sum()),
        "own": float(shares[0]),
    }


def _heat(values: Tensor, image: Tensor) -> str:
    """Return colours for strong values over a dim gray picture."""
    strength = values / values.max().clamp(min=torch.finfo().tiny)
    decibels = 20 * strength.clamp(min=10 ** (-RANGE_DB / 20)).log10()
    fraction = (decibels / RANGE_DB + 1).numpy()
    color = colorize(fraction, signed=False, limit=1.0).astype(np.float32)
    gray = to_uint8(image).astype(np.float32).mean(axis=2, keepdims=True) * 0.6
    cover = np.where(fraction > 0, 0.35 + 0.65 * fraction, 0)[..., None]
    return data_url((gray * (1 - cover) + color * cover).astype(np.uint8))


def _nearest(image: Tensor, scale: int) -> Tensor:
    return image.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def _scaled(part: slice, scale: int) -> slice:
    return slice(scale * part.start, scale * part.stop)


def _ends(window: Window) -> dict[str, list[int]]:
    return {
        name: [side.start, side.stop]
        for name, side in zip(("rows", "columns"), window, strict=True)
    }


def get_sides(window: Window) -> list[int]:
    """Return width and height of a window."""
    return [len(window[1]), len(window[0])]


def _size(image: Tensor) -> list[int]:
    return [image.shape[-1], image.shape[-2]]


def get_image_url(image: Tensor) -> str:
    """Return ``(1, 3, H, W)`` in ``[0, 1]`` as the data URL of a PNG."""
    return data_url(to_uint8(image))
