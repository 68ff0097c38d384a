"""The variants of the ablation: the shipped networks with other blocks or other training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from deconv_demo.degradations import DegradedBatch
from deconv_demo.networks import DeconvUpscaler, ResidualBlock, Restorer
from deconv_demo.tasks import TASKS, BenchmarkCase

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The difference of one network of the ablation from the shipped one.

    Attributes:
        network: Arguments that differ.
        network_class: Class in place of that of the task; takes the same arguments.
        degrade: Random degradation for training in place of that of the task.
        recipe: Fields of its ``Recipe`` that differ.
        start_from: Key of ``TASKS`` whose weights are copied where they fit.
    """

    network: Mapping[str, Any] = field(default_factory=dict)
    network_class: type[Restorer] | None = None
    degrade: Callable[[Tensor, Generator], DegradedBatch] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    start_from: str | None = None


class PixelAttentionBlock(ResidualBlock):
    """A residual block that weighs its residual pixel by pixel (Zhao et al. 2020, PAN).

    Attention over whole channels (Zhang et al. 2018, RCAN) is left out on purpose: it takes the
    mean of a picture, and the mean of a tile is another one, so that tiles would show.

    >>> PixelAttentionBlock(8, bias=True)(torch.rand(1, 8, 5, 7)).shape
    torch.Size([1, 8, 5, 7])
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__(channels, bias=bias)
        self.attention = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        added = self.conv2(F.relu(self.conv1(features)))
        return features + added * torch.sigmoid(self.attention(added))


class CollapsibleConv(nn.Conv2d):
    """A 3 x 3 convolution whose kernel is trained as a sum: itself and a product of two.

    The second summand is a 1 x 1 convolution to ``EXPANSION`` times the channels and a 3 x 3
    one back, without anything between them, so both together are one kernel, which is computed
    anew in every step (Bhardwaj et al. 2022, SESR). At inference it costs as much as a plain one.
    """

    EXPANSION = 2

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__(channels, channels, kernel_size=3, padding=1, bias=bias)
        wide = self.EXPANSION * channels
        self.expand = nn.Parameter(torch.randn(wide, channels) / channels**0.5)
        # Nothing is added at first, so that both kinds start alike.
        self.squeeze = nn.Parameter(torch.zeros(channels, wide, 3, 3))

    def kernel(self) -> Tensor:
        """Return the kernel of the equivalent single convolution, ``(C, C, 3, 3)``."""
        return self.weight + torch.einsum("owhx,wi->oihx", self.squeeze, self.expand)

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.kernel(), self.bias, padding=1)


class CollapsibleBlock(ResidualBlock):
    """A residual block of two ``CollapsibleConv``."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__(channels, bias=bias)
        for name in ("conv1", "conv2"):
            plain = getattr(self, name)
            collapsible = CollapsibleConv(channels, bias=bias)
            collapsible.load_state_dict(plain.state_dict(), strict=False)
            setattr(self, name, collapsible)


def collapse(model: Network) -> Network:
    """Replace each ``CollapsibleConv`` of a model by a plain convolution; return the model."""
    for name, layer in model.named_children():
        if isinstance(layer, CollapsibleConv):
            size, bias = layer.weight.shape[:2], layer.bias
            plain = nn.Conv2d(size[1], size[0], kernel_size=3, padding=1, bias=bias is not None)
            tensors = {"weight": layer.kernel()} | ({} if bias is None else {"bias": bias})
            plain.load_state_dict(tensors)
            setattr(model, name, plain)
        else:
            collapse(layer)
    return model


class _OtherBlocks(DeconvUpscaler):
    block: type[ResidualBlock]

    def __init__(self, *, channels: int, blocks: int, scale: int) -> None:
        super().__init__(channels=channels, blocks=blocks, scale=scale)
        self.trunk = nn.Sequential(*(self.block(channels, bias=True) for _ in range(blocks)))


class PixelAttentionUpscaler(_OtherBlocks):
    """A ``DeconvUpscaler`` of ``PixelAttentionBlock``."""

    block = PixelAttentionBlock


class CollapsibleUpscaler(_OtherBlocks):
    """A ``DeconvUpscaler`` of ``CollapsibleBlock``."""

    block = CollapsibleBlock


def _as_evaluated(clean: Tensor, generator: Generator, *, case: BenchmarkCase) -> DegradedBatch:
    return case.degrade(clean, generator)


VARIANTS: Mapping[str, Mapping[str, Variant]] = MappingProxyType(
    {
        "denoise": {
            "shipped": Variant(),
            "wider, fewer blocks": Variant(
                network={"widths": (44, 72, 128, 192), "blocks": (1, 2, 2, 4)}
            ),
            "narrower, more blocks": Variant(
                network={"widths": (24, 48, 96, 192), "blocks": (4, 4, 3, 4)}
            ),
            "three levels": Variant(network={"widths": (32, 64, 144), "blocks": (2, 2, 5)}),
        },
        "upscale_x2": {
            "shipped": Variant(),
            "wider, fewer blocks": Variant(network={"channels": 88, "blocks": 3}),
            "narrower, more blocks": Variant(network={"channels": 48, "blocks": 11}),
            "pixel attention": Variant(network_class=PixelAttentionUpscaler),
            "half as many crops a step": Variant(recipe={"batch": 4}),
            "collapsible convolutions": Variant(network_class=CollapsibleUpscaler),
            "twice the learning rate": Variant(recipe={"learning_rate": 8e-4}),
            "Muon": Variant(recipe={"optimiser": "muon", "learning_rate": 4e-3}),
            "crops never reduced": Variant(recipe={"reduced_share": 0.0}),
            "clean files only": Variant(
                degrade=partial(_as_evaluated, case=TASKS["upscale_x2"].benchmark_cases[0])
            ),
        },
        "upscale_x4": {
            "shipped": Variant(),
            "from the 2x weights": Variant(start_from="upscale_x2"),
        },
    }
)
