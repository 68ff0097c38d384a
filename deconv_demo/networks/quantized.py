"""Networks in whole numbers of 8 bits, for processors that multiply those several times as fast.

Nearly all the work of the networks is in their residual blocks. Here both convolutions of a
block multiply 8-bit levels with 8-bit weights (VNNI instructions, which sum in 32 bits), while what
they add to stays float32, so that no rounding is carried along. Each channel has its own range of
levels, measured beforehand on photographs; where a picture's numbers reach far beyond (on fine
stripes they reach ten times further), it is done in float32 instead. After Jacob et al. 2018,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference".
"""

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from deconv_demo.networks.activation_ranges import Ranges
from deconv_demo.networks.inplace import lean_twin, replace_modules, sharing_twin
from deconv_demo.networks.restorers import ResidualBlock

LARGEST_LEVEL, LARGEST_WEIGHT = 255, 127
# What is cut off hardly shows as long as it is little: of 24 photographs that were not measured,
# three kinds of damage each, none lost a hundredth of a dB more with up to 60 levels cut off and
# 3 in 100,000 hidden numbers at their largest.
MOST_CUT_OFF, MOST_AT_THE_TOP = 64, 1e-4
# One row in so many is looked at, which costs a twentieth of the time; a prime, so that stripes
# are met at every phase.
ROWS_BETWEEN_LOOKS = 7
# Rows that are rounded at once are to stay in a core's cache from one operation to the next.
NUMBERS_AT_ONCE = 1 << 18

# A picture's tiles are all of one size; so many sizes have their weights at hand.
SIZES_KEPT = 4


class BeyondTheLevels(ArithmeticError):
    """A picture's numbers reach too far beyond the ranges that were measured."""


class QuantisedResidualBlock(nn.Module):
    """A ``ResidualBlock`` whose convolutions multiply 8-bit numbers.

    Channel ``c`` of the input becomes levels ``u = round(x / step) + zero``, whole numbers from
    0 to 255, so that ``x`` is about ``step * (u - zero)``. The steps go into the weights, which
    are then rounded to 127 levels on either side, on a scale for each output channel; the
    zeros come to a constant, which goes into the bias.

    Args:
        block: Whose weights are taken.
        ranges: As ``ranges.measure_ranges`` found them.

    Shape:
        - Input and output: ``(B, channels, H, W)``, float32; the input is overwritten.

    Raises:
        BeyondTheLevels: In the forward pass, too much would be cut off.
    """

    def __init__(self, block: ResidualBlock, ranges: Ranges) -> None:
        super().__init__()
        ranges = ranges.widened()
        step = (ranges.high - ranges.low) / LARGEST_LEVEL
        zero = (-ranges.low / step).round()
        hidden_step = ranges.hidden / LARGEST_LEVEL
        self.levels_per_unit = (1 / step).view(1, -1, 1, 1)
        self.half_above_zero = (zero + 0.5).view(1, -1, 1, 1)
        self.zero = zero.to(torch.uint8).view(1, -1, 1, 1)
        # The border that the first convolution lacks is part of its input, where it is each
        # channel's zero; what comes out one pixel too large on every side is the border that the
        # second one needs.
        self.conv1 = _EightBitConvolution(
            block.conv1, step=step, zero=zero, output_step=hidden_step, padding=1
        )
        self.conv2 = _EightBitConvolution(block.conv2, step=hidden_step, padding=0)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.conv1(self._levels(features))
        for border in _borders(hidden):
            border.zero_()
        looked_at = hidden[:, :, ::ROWS_BETWEEN_LOOKS]
        at_the_top = int((looked_at == LARGEST_LEVEL).sum())
        if at_the_top > MOST_AT_THE_TOP * looked_at.numel():
            raise BeyondTheLevels(f"{at_the_top} of {looked_at.numel()} hidden numbers cut off")
        return features.add_(self.conv2(hidden))

    def _levels(self, features: Tensor) -> Tensor:
        """Round to levels, with a border of zeros for the first convolution around them."""
        batch, channels, height, width = features.shape
        levels = torch.empty((batch, height + 2, width + 2, channels), dtype=torch.uint8)
        levels = levels.permute(0, 3, 1, 2)  # channels last
        for border in _borders(levels):
            border.copy_(self.zero.expand_as(border))
        rows = max(1, NUMBERS_AT_ONCE // (channels * width))
        for top in range(0, height, rows):
            band = features[:, :, top : top + rows]
            rounded = torch.addcmul(self.half_above_zero, band, self.levels_per_unit)
            looked_at = rounded[:, :, -top % ROWS_BETWEEN_LOOKS :: ROWS_BETWEEN_LOOKS]
            if looked_at.numel():
                lowest, highest = torch.aminmax(looked_at)
                if lowest < -MOST_CUT_OFF or highest > LARGEST_LEVEL + MOST_CUT_OFF:
                    raise BeyondTheLevels(f"levels from {lowest:.0f} to {highest:.0f}")
            # To 8 bits is to cut off, so the half makes it rounding.
            levels[:, :, top + 1 : top + 1 + band.shape[2], 1:-1] = rounded.clamp_(0, LARGEST_LEVEL)
        return levels


def _borders(image: Tensor) -> tuple[Tensor, Tensor]:
    """First and last row, first and last column."""
    height, width = image.shape[-2:]
    return image[..., :: height - 1, :], image[..., :: width - 1]


class _EightBitConvolution:
    """A 3 x 3 convolution of levels, to levels after a ReLU or to float32."""

    def __init__(
        self,
        layer: nn.Conv2d,
        *,
        step: Tensor,
        zero: Tensor | None = None,
        output_step: Tensor | None = None,
        padding: int,
    ) -> None:
        weight = layer.weight.detach() * step.view(1, -1, 1, 1)
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
        if output_step is not None:
            weight, bias = weight / output_step.view(-1, 1, 1, 1), bias / output_step
        self.scale = weight.abs().amax((1, 2, 3)).clamp(min=1e-30) / LARGEST_WEIGHT
        whole = (weight / self.scale.view(-1, 1, 1, 1)).round()
        if zero is not None:
            bias = bias - (whole * zero.view(1, -1, 1, 1)).sum((1, 2, 3)) * self.scale
        self.bias, self.padding = bias, [padding, padding]
        self.no_zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.to_levels = output_step is not None
        self.weight = whole.to(torch.int8)
        self.packed: dict[tuple, Tensor] = {}

    def _packed_for(self, levels: Tensor) -> Tensor:
        """Return the weight in the order that is fastest for this size of image.

        In any other it would be put in order anew in every call, which takes up to ten times as
        long as the convolution.
        """
        key = (levels.shape, torch.get_num_threads())
        packed = self.packed.get(key)
        if packed is None:
            packed = torch.ops.onednn.qconv_prepack(
                self.weight, self.scale, 1.0, 0, [1, 1], self.padding, [1, 1], 1, levels.shape
            )
            # Built anew, not changed: another thread may be reading it.
            newest = list(self.packed.items())[1 - SIZES_KEPT :]
            self.packed = {**dict(newest), key: packed}
        return packed

    def __call__(self, levels: Tensor) -> Tensor:
        return torch.ops.onednn.qconv2d_pointwise(
            levels,
            1.0,  # the steps of the levels and their zeros are in weights and bias
            0,
            self._packed_for(levels),
            self.scale,
            self.no_zeros,
            self.bias,
            [1, 1],
            self.padding,
            [1, 1],
            1,
            1.0,
            0,
            torch.uint8 if self.to_levels else torch.float32,
            "relu" if self.to_levels else "none",
            [],
            "",
        )


class QuantisedNetwork(nn.Module):
    """A network with its residual blocks in 8 bits, or all in float32 for a picture beyond them.

    Args:
        model: On the CPU. It is left as it is; what is not in a block is shared.
        ranges: Of every block, see ``ranges.measure_ranges``.

    Attributes:
        coarse: The network in 8 bits.
        fine: The same in float32.
        fell_back: Whether the last picture was done in float32.

    Raises:
        KeyError: A block has no ranges.
    """

    def __init__(self, model: nn.Module, ranges: Mapping[str, Ranges]) -> None:
        super().__init__()
        self.guided, self.size_multiple = model.guided, model.size_multiple
        self.fell_back = False
        self.fine, self.coarse = lean_twin(model), sharing_twin(model)
        replace_modules(
            self.coarse,
            ResidualBlock,
            lambda name, block: QuantisedResidualBlock(block, ranges[name]),
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        self.fell_back = False
        try:
            return self.coarse(*inputs)
        except BeyondTheLevels:
            self.fell_back = True
        # Not above: an exception keeps the feature maps of all it went through.
        return self.fine(*inputs)


@lru_cache(maxsize=1)
def is_fast_here() -> bool:
    """Whether this processor multiplies 8-bit numbers fast and PyTorch does it right on it.

    A processor without VNNI sums pairs of products in 16 bits, where they do not fit.
    """
    try:
        return torch.cpu._is_vnni_supported() and _is_right_here()
    except (AttributeError, RuntimeError):  # another PyTorch
        return False


def _is_right_here() -> bool:
    """Whether convolutions of the largest levels with the largest weights are right."""
    layer = nn.Conv2d(64, 64, kernel_size=3, padding=1)
    levels = torch.full((1, 64, 5, 6), LARGEST_LEVEL, dtype=torch.uint8)
    levels = levels.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        layer.weight.fill_(1.0)
        layer.weight[::2] = -1.0
        expected = layer(levels.float())
        found = _EightBitConvolution(layer, step=torch.ones(64), padding=1)(levels)
        # The middle of the picture is 9 * 64 * 255, or nothing after the ReLU.
        step = torch.full((64,), 9 * 64 * 1.5)
        squeezed = _EightBitConvolution(layer, step=torch.ones(64), output_step=step, padding=1)
        rounded = (expected.relu() / step[0]).round()
        return torch.allclose(found, expected, rtol=1e-4) and bool(
            (squeezed(levels).float() - rounded).abs().max() <= 1
        )
