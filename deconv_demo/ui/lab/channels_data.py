"""Data of the section on channels: the sums, the cost and the receptive field of a layer."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from deconv_demo.convolution import output_size, scatter
from deconv_demo.inspection import influence_window, summarize_layers

SIDE = 3  # side of the arrays that are added up on the page
# Recipes for twice the side; the result of the first is one short of it.
DOUBLING = ((3, 2, 1, 0), (3, 2, 1, 1), (5, 2, 2, 1), (2, 2, 0, 0), (4, 2, 1, 0))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The settings of a layer, named as in PyTorch.

    Raises:
        ValueError: PyTorch refuses them too; the message gives the reason.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    padding: int
    output_padding: int

    def __post_init__(self) -> None:
        output_size(SIDE, self.kernel_size, **self.settings)

    @property
    def settings(self) -> dict[str, int]:
        """Keywords of the functions of ``transposed``."""
        names = ("stride", "padding", "output_padding")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Sums:
    """The sums of a transposed convolution of several channels.

    Attributes:
        x: ``(C, H, W)``.
        weight: ``(C, C_out, kernel height, kernel width)``, PyTorch's layout.
        bias: ``(C_out,)``.
        shares: Contribution of each input channel to each output, ``(C, C_out, H_out, W_out)``.
        y: Sum over input channels, and the bias, ``(C_out, H_out, W_out)``.
        difference: Largest absolute difference of ``y`` from PyTorch's.
    """

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    shares: np.ndarray
    y: np.ndarray
    difference: float


def add_up(layer: Layer, seed: int = 0) -> Sums:
    """Compute the layer channel by channel with small integers, and add up.

    ``Y[o] = bias[o] + sum over c of transposed(X[c], K[c, o])``: one kernel for each pair of
    channels (Zeiler et al. 2010, "Deconvolutional Networks", equation 1).

    >>> layer = Layer(in_channels=2, out_channels=1, kernel_size=3, stride=2, padding=1,
    ...               output_padding=1)
    >>> found = add_up(layer)
    >>> found.shares.shape, found.y.shape, found.difference
    ((2, 1, 6, 6), (1, 6, 6), 0.0)
    """
    generator = np.random.default_rng(seed)
    x = generator.integers(-2, 4, (layer.in_channels, SIDE, SIDE)).astype(float)
    kernels = (layer.in_channels, layer.out_channels, layer.kernel_size, layer.kernel_size)
    weight = generator.integers(-2, 3, kernels).astype(float)
    bias = generator.integers(1, 4, layer.out_channels).astype(float)
    shares = np.stack(
        [scatter(x[c : c + 1], weight[c : c + 1], **layer.settings) for c in range(len(x))]
    )
    y = shares.sum(axis=0) + bias[:, None, None]
    given = [torch.from_numpy(array) for array in (x[None], weight, bias)]
    expected = F.conv_transpose2d(*given, **layer.settings)[0]
    difference = (expected - torch.from_numpy(y)).abs().max().item()
    return Sums(x=x, weight=weight, bias=bias, shares=shares, y=y, difference=difference)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The output size of a layer for a square picture, and its cost.

    Attributes:
        kind: ``"transposed"``, ``"convolution"`` or ``"linear"``.
        code: The layer in PyTorch.
        side: Side of its output.
        parameters: Number of weights and biases.
        macs: Multiply-accumulates for one picture.
        sees: Side of the square of input pixels that one output pixel depends on, at most.
        reaches: Side of the square of output pixels that one input pixel can affect, at most.
    """

    kind: str
    code: str
    side: int
    parameters: int
    macs: int
    sees: int
    reaches: int


def costs(layer: Layer, side: int) -> list[Cost]:
    """Compare the layer with a convolution of the same arguments, and a fully connected layer.

    All numbers come from PyTorch modules on the meta device. The fully connected layer maps every
    value of the picture to every value of the layer's output.

    Args:
        layer: The settings; a convolution has no output padding.
        side: Side of the input picture.

    >>> layer = Layer(in_channels=3, out_channels=8, kernel_size=4, stride=2, padding=1,
    ...               output_padding=0)
    >>> [(cost.kind, cost.side, cost.parameters, cost.sees, cost.reaches)
    ...  for cost in costs(layer, 16)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('transposed', 32, 392, 2, 4), ('convolution', 8, 392, 4, 2),
     ('linear', 32, 6299648, 16, 32)]
    """
    channels = (layer.in_channels, layer.out_channels)
    shared = {"stride": layer.stride, "padding": layer.padding}
    own = {"output_padding": layer.output_padding} if layer.output_padding else {}
    windows = {"transposed": (nn.ConvTranspose2d, shared | own), "convolution": (nn.Conv2d, shared)}
    found = []
    for kind, (module, settings) in windows.items():
        arguments = {"kernel_size": layer.kernel_size} | settings
        network = nn.Sequential(module(*channels, **arguments, device="meta"))
        written = ", ".join(f"{name}={value}" for name, value in arguments.items())
        picture = torch.zeros(1, layer.in_channels, side, side)
        facts = summarize_layers(network, picture)[0]
        middle = range(side // 2, side // 2 + layer.stride)
        reached = [influence_window(network, "0", picture, row=at, column=at)[0] for at in middle]
        found.append(
            Cost(
                kind=kind,
                code=f"nn.{module.__name__}({channels[0]}, {channels[1]}, {written})",
                side=facts.height,
                parameters=facts.parameters,
                macs=facts.macs,
                sees=facts.receptive_field,
                reaches=max(map(len, reached)),
            )
        )
    values = [channels[0] * side**2, channels[1] * found[0].side ** 2]
    linear = nn.Linear(*values, device="meta")
    full = Cost(
        kind="linear",
        code=f"nn.Linear({values[0]}, {values[1]})",
        side=found[0].side,
        parameters=sum(parameter.numel() for parameter in linear.parameters()),
        macs=linear.weight.numel(),
        sees=side,
        reaches=found[0].side,
    )
    return [*found, full]
