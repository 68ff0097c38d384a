"""Data of the grid of feature maps, and of one map when it is enlarged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from deconv_demo.inspection import color_limit, colorize, feature_grid_image, order_by_energy
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.inside.crop_session import LayerView
from deconv_demo.ui.texts import text

TILE = 96
COLUMNS = 16
BINS = 48
# Side of a drawn kernel; a layer of many channels has as many kernels for each map.
KERNEL_TILE, KERNEL_COLUMNS, MANY_KERNELS = 36, 8, 16
SCALES, ORDERS = ("own", "common"), ("energy", "index")


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """The options of the grid.

    Attributes:
        scale: ``"own"`` gives each map a colour scale of its own, ``"common"`` all the same.
        order: ``"energy"`` puts the strongest first, ``"index"`` follows the channels.
    """

    scale: str = SCALES[0]
    order: str = ORDERS[0]


def grid_value(view: LayerView, options: GridOptions, language: str) -> dict[str, Any]:
    """Return all maps of a layer as one picture, and the statistics of each."""
    maps = view.maps
    by_energy = options.order == "energy"
    order = order_by_energy(maps) if by_energy else list(range(len(maps)))
    common = options.scale == "common"
    picture, limits = feature_grid_image(
        maps, order, columns=COLUMNS, tile=TILE, common_scale=common, gap=0
    )
    measured = _measured(maps)
    lowest = min(numbers["low"] for numbers in measured)
    highest = max(numbers["high"] for numbers in measured)
    signed = lowest < 0
    return {
        "layer": view.facts.name,
        "picture": data_url(picture),
        "columns": COLUMNS,
        "rows": -(-len(order) // COLUMNS),
        "tile": TILE,
        "maps": [
            {
                "channel": channel,
                "title": _title(channel, measured[channel], language),
            }
            for channel in order
        ],
        "signed": signed,
        "legend": _legend(limits, language, common=common, signed=signed),
        "count": text(
            language,
            "inside.count",
            channels=view.facts.channels,
            width=view.facts.width,
            height=view.facts.height,
        ),
        "range": text(language, "inside.range", low=_number(lowest), high=_number(highest)),
        "label": text(language, "inside.grid.label", layer=view.facts.name),
        "choose": text(language, "inside.choose"),
    }


def enlarged_value(
    view: LayerView, model: nn.Module, channel: int, options: GridOptions, language: str
) -> dict[str, Any]:
    """Return one map at full resolution, its statistics, and the kernels that compute it.

    Raises:
        ValueError: The layer has no such channel.
    """
    if not 0 <= channel < len(view.maps):
        raise ValueError(f"{view.facts.name} has {len(view.maps)} channels, not {channel}")
    feature_map, signed = view.maps[channel], bool(view.maps.numpy().min() < 0)
    limit = color_limit(view.maps if options.scale == "common" else feature_map)
    (numbers,) = _measured(feature_map[None])
    return {
        "channel": channel,
        "picture": data_url(colorize(feature_map, signed=signed, limit=limit)),
        "title": text(language, "inside.enlarged.title", layer=view.facts.name, channel=channel),
        "signed": signed,
        "legend": {
            "low": _number(-limit if signed else 0),
            "middle": "0" if signed else "",
            "high": _number(limit),
        },
        "facts": [
            [text(language, "inside.fact.low"), _number(numbers["low"])],
            [text(language, "inside.fact.mean"), _number(numbers["mean"])],
            [text(language, "inside.fact.high"), _number(numbers["high"])],
            [text(language, "inside.fact.dead"), f"{100 * numbers['dead']:.1f} %"],
        ],
        "histogram": _histogram(feature_map, language),
        "kernels": _kernels(view, model, channel, language),
    }


def get_kernels(model: nn.Module, layer_name: str, channel: int) -> Tensor:
    """Return the kernels of one output channel of a convolution, ``(in, k, k)``.

    There is one for each input map; a transposed convolution has its weights the other
    way round. In a grouped layer they are those of the channel's own group.
    """
    layer = model.get_submodule(layer_name)
    weight = layer.weight.detach().float()
    if not isinstance(layer, nn.ConvTranspose2d):
        return weight[channel]
    group, within = divmod(channel, weight.shape[1])
    read = weight.shape[0] // layer.groups
    return weight[group * read : (group + 1) * read, within]


def _kernels(view: LayerView, model: nn.Module, channel: int, language: str) -> dict[str, Any]:
    # A block ends in a convolution, whose output is added to the input.
    layer = view.node.inner[-1] if view.facts.kind == "block" else view.facts
    kernels = get_kernels(model, layer.name, channel)
    few = len(kernels) <= MANY_KERNELS
    picture, limits = feature_grid_image(
        kernels.contiguous(),
        range(len(kernels)),
        columns=min(KERNEL_COLUMNS if few else 2 * KERNEL_COLUMNS, len(kernels)),
        tile=KERNEL_TILE if few else KERNEL_TILE // 2,
        common_scale=True,
        # Kernels of two by two have cells so large that they would run into each other.
        gap=4 if kernels.shape[-1] > 2 else 8,
    )
    return {
        "picture": data_url(picture),
        "width": picture.width,
        "caption": text(
            language,
            "inside.kernels.block" if view.facts.kind == "block" else "inside.kernels",
            count=len(kernels),
            side=kernels.shape[-1],
            limit=_number(limits[0]),
            layer=layer.name,
        ),
    }


def _histogram(feature_map: Tensor, language: str) -> dict[str, Any]:
    values = feature_map.flatten().numpy()
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=BINS, range=(low, high if high > low else low + 1))
    return {
        "low": low,
        "high": high,
        "low_text": _number(low),
        "high_text": _number(high),
        # A peak at zero would flatten all else; square roots keep small counts visible.
        "heights": np.sqrt(counts / counts.max()).round(4).tolist(),
        "caption": text(language, "inside.histogram"),
    }


def _title(channel: int, numbers: dict[str, float], language: str) -> str:
    low, mean, high = (_number(numbers[name]) for name in ("low", "mean", "high"))
    dead = f"{100 * numbers['dead']:.0f}"
    return text(
        language, "inside.map.range", channel=channel, low=low, mean=mean, high=high, dead=dead
    )


def _legend(limits: list[float], language: str, *, common: bool, signed: bool) -> dict[str, str]:
    if common:
        low, high = _number(-limits[0] if signed else 0), _number(limits[0])
        note = text(language, "inside.legend.common")
    else:
        low = text(language, "inside.legend.own.low") if signed else "0"
        high = text(language, "inside.legend.own.high")
        note = text(
            language,
            "inside.legend.own",
            smallest=_number(min(limits)),
            largest=_number(max(limits)),
        )
    colors = text(language, "inside.legend.signed" if signed else "inside.legend.unsigned")
    return {"low": low, "middle": "0" if signed else "", "high": high, "note": f"{note} {colors}"}


def _measured(maps: Tensor) -> list[dict[str, float]]:
    """Return lowest, mean and highest value of each map, and its fraction of zeros."""
    # By NumPy: PyTorch would synchronize all cores for each of these small sums.
    values = maps.flatten(1).numpy()
    return [
        {
            "low": one.min().item(),
            "mean": one.mean(dtype=np.float64).item(),
            "high": one.max().item(),
            "dead": 1 - np.count_nonzero(one) / one.size,
        }
        for one in values
    ]


def _number(value: float | Tensor) -> str:
    """Return a number with three digits and a typographic minus.

    >>> _number(-0.12345)
    '−0.123'
    """
    shown = f"{float(value):.3g}"
    return (shown if float(shown) else "0").replace("-", "−")
