"""Data of the upsampling section: one transposed convolution, its kernel copy, overlap and grid."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deconv_demo.convolution import checkerboard_db, log_spectrum
from deconv_demo.inspection import (
    Edits,
    color_limit,
    colorize,
    feature_grid_image,
    layer_input,
    order_by_energy,
    run_edited,
    summarize_layers,
)
from deconv_demo.networks import bicubic_upscale, blank_inputs
from deconv_demo.pictures import to_uint8
from deconv_demo.restoration import load_model
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import Activations
from deconv_demo.ui.workspace import Workspace

KERNEL_TILE, COLUMNS = 32, 16
# Input pixels a side of the overlap map, and output pixels a side of the detail.
OVERLAP_SIDE, DETAIL = 5, 56
UNEVEN_KERNEL, UNEVEN_STRIDE = 3, 2
SPECTRUM_DB = 60


def transposed_layers(model: nn.Module) -> list[str]:
    """Return the names of the transposed convolutions in order of execution.

    >>> transposed_layers(load_model("upscale_x4"))
    ['up.0', 'tail']
    """
    facts = summarize_layers(model, *blank_inputs(model, 32, 32))
    return [layer.name for layer in facts if layer.kind == "transposed_conv"]


def uneven_layer(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    """Return a copy of the layer with a kernel that its stride does not divide: 3 x 3, stride 2.

    The trained kernels are resampled, and scaled so that flat maps keep their mean.

    >>> uneven = uneven_layer(nn.ConvTranspose2d(8, 4, kernel_size=2, stride=2))
    >>> uneven(torch.zeros(1, 8, 5, 5)).shape
    torch.Size([1, 4, 10, 10])
    """
    with torch.inference_mode(False), torch.no_grad():
        uneven = nn.ConvTranspose2d(
            layer.in_channels,
            layer.out_channels,
            kernel_size=UNEVEN_KERNEL,
            stride=UNEVEN_STRIDE,
            padding=1,
            output_padding=1,
            bias=layer.bias is not None,
        )
        size = (UNEVEN_KERNEL, UNEVEN_KERNEL)
        kernels = F.interpolate(
            layer.weight.detach().clone(), size, mode="bilinear", align_corners=True
        )
        uneven.weight.copy_(kernels * math.prod(layer.kernel_size) / UNEVEN_KERNEL**2)
        if layer.bias is not None:
            uneven.bias.copy_(layer.bias)
    return uneven.requires_grad_(False)


def overlap_counts(layer: nn.ConvTranspose2d, side: int = OVERLAP_SIDE) -> Tensor:
    """Return how many input pixels contribute to each output pixel, for a square of ``side``.

    >>> overlap_counts(nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1), 2).int().tolist()
    [[1, 2, 1, 1], [2, 4, 2, 2], [1, 2, 1, 1], [1, 2, 1, 1]]
    """
    settings = {
        name: getattr(layer, name) for name in ("stride", "padding", "output_padding", "dilation")
    }
    ones = torch.ones(1, 1, *layer.kernel_size)
    return F.conv_transpose2d(torch.ones(1, 1, side, side), ones, **settings)[0, 0]


def layer_overlap_ratio(layer: nn.ConvTranspose2d) -> float:
    """Return the most contributions over the fewest, away from the border; 1 is even.

    >>> even = nn.ConvTranspose2d(1, 1, kernel_size=4, stride=2, padding=1)
    >>> layer_overlap_ratio(even), layer_overlap_ratio(uneven_layer(even))
    (1.0, 4.0)
    """
    reach = max(layer.kernel_size)
    counts = overlap_counts(layer, 4 * reach)[2 * reach : -2 * reach, 2 * reach : -2 * reach]
    return float(counts.max() / counts.min())


def upsampling_view(
    workspace: Workspace,
    corner: tuple[int, int] | None,
    activations: Activations,
    layer_name: str,
    *,
    source: int | None = None,
    target: int | None = None,
) -> dict[str, Any]:
    """Return kernels, maps, kernel copy and overlap of one transposed convolution.

    Args:
        workspace, corner, activations: The picture, the crop and its activations.
        layer_name: Name of a transposed convolution.
        source: Input channel; None takes the strongest.
        target: Output channel; None takes the strongest.

    Raises:
        ValueError: There is no such channel.
    """
    model = load_model(workspace.task_id)
    inputs = crop_session.run_inputs(workspace, corner)
    layer = model.get_submodule(layer_name)
    before = layer_input(model, inputs, layer_name, activations.outputs)[0]
    after = activations.outputs[layer_name][0]
    source = order_by_energy(before)[0] if source is None else source
    target = order_by_energy(after)[0] if target is None else target
    if not (0 <= source < len(before) and 0 <= target < len(after)):
        raise ValueError(f"{layer_name} has no channels {source} and {target}")
    kernels = layer.weight.detach()[source].clone()
    sheet, _ = feature_grid_image(
        kernels, range(len(kernels)), columns=COLUMNS, tile=KERNEL_TILE, common_scale=True, gap=0
    )
    kernel, limit = kernels[target], float(kernels.abs().max()) or 1.0
    uneven = uneven_layer(layer)
    return {
        "layer": layer_name,
        "layers": transposed_layers(model),
        "source": source,
        "sources": len(before),
        "target": target,
        "targets": len(after),
        "kernel_size": list(layer.kernel_size),
        "stride": layer.stride[0],
        "padding": layer.padding[0],
        "kernels": {
            "picture": data_url(sheet),
            "columns": COLUMNS,
            "rows": -(-len(kernels) // COLUMNS),
        },
        "stamp": [
            [{"value": float(value), "colour": _color(value, limit)} for value in row]
            for row in kernel
        ],
        "before": _feature_map_view(before[source]),
        "after": _feature_map_view(after[target]),
        "overlap": [_overlap(layer), _overlap(uneven)],
    }


def checkerboard_view(
    workspace: Workspace,
    corner: tuple[int, int] | None,
    activations: Activations,
    layer_name: str,
) -> dict[str, Any]:
    """Return the checkerboard meter before and after a layer and its uneven counterexample."""
    model = load_model(workspace.task_id)
    inputs = crop_session.run_inputs(workspace, corner)
    layer = model.get_submodule(layer_name)
    known, stride = activations.outputs, layer.stride[0]
    uneven, made = uneven_layer(layer), []

    def instead(given: Tensor) -> Tensor:
        made.extend([given, uneven(given)])
        return made[-1]

    uneven_output = run_edited(model, inputs, Edits(layers={layer_name: instead}), known).clamp(
        0, 1
    )
    restored = activations.restored.clamp(0, 1)
    scale = restored.shape[-1] // inputs[0].shape[-1]
    given = inputs[0] if scale == 1 else bicubic_upscale(inputs[0], scale).clamp(0, 1)
    # Later layers enlarge a grid of this layer together with the maps.
    period = stride * max(1, round(restored.shape[-1] / known[layer_name].shape[-1]))
    readings = {
        "before": (made[0], stride),
        "after": (known[layer_name], stride),
        "after_twin": (made[1], stride),
        "given": (given, period),
        "restored": (restored, period),
        "restored_twin": (uneven_output, period),
    }
    return {
        "layer": layer_name,
        "stride": stride,
        "period": period,
        "scale": scale,
        "readings": {
            name: _finite(checkerboard_db(values, every))
            for name, (values, every) in readings.items()
        },
        "details": _details(restored, uneven_output),
        "spectra": _spectra([restored, uneven_output], period),
    }


def _overlap(layer: nn.ConvTranspose2d) -> dict[str, Any]:
    return {
        "kernel_size": layer.kernel_size[0],
        "stride": layer.stride[0],
        "counts": overlap_counts(layer).int().tolist(),
        "ratio": layer_overlap_ratio(layer),
    }


def _feature_map_view(values: Tensor) -> dict[str, Any]:
    signed = bool((values < 0).any())
    pixels = colorize(values, signed=signed, limit=color_limit(values) or 1.0)
    size = [values.shape[1], values.shape[0]]
    return {"picture": data_url(pixels), "size": size, "signed": signed}


def _details(restored: Tensor, uneven_output: Tensor) -> list[str]:
    """Return the part of both pictures in which they differ most."""
    height, width = (min(DETAIL, side) for side in restored.shape[-2:])
    step = max(1, DETAIL // 4)
    error = (restored - uneven_output).square().mean(dim=1, keepdim=True)
    places = F.avg_pool2d(error, (height, width), stride=step)[0, 0]
    top, left = (step * place for place in divmod(int(places.argmax()), places.shape[1]))
    return [
        data_url(to_uint8(image[..., top : top + height, left : left + width]))
        for image in (restored, uneven_output)
    ]


def _spectra(pictures: list[Tensor], period: int) -> list[str] | None:
    """Return log spectra on one scale, zero frequency in the middle; None for small pictures."""
    periods = min(16, *(side // period for side in pictures[0].shape[-2:]))
    if periods < 8:
        return None
    side = periods * period
    spectra = [torch.fft.fftshift(log_spectrum(image, side)).numpy() for image in pictures]
    # The brightest bins except zero frequency, whose mean was removed.
    high = max(np.sort(spectrum, axis=None)[-side // 4] for spectrum in spectra)
    low = high - SPECTRUM_DB / 10 * math.log(10)
    return [
        data_url(colorize((spectrum - low) / (high - low), signed=False, limit=1.0))
        for spectrum in spectra
    ]


def _color(value: Tensor, limit: float) -> list[int]:
    return colorize(np.array([[float(value)]]), signed=True, limit=limit)[0, 0].tolist()


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
