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

from deconv_demo.networks.activation_ranges import ActivationRange
from deconv_demo.networks.inplace import inplace_copy, overwriting_copy, replace_modules
from deconv_demo.networks.restorers import ResidualBlock, Restorer

MAX_LEVEL, MAX_WEIGHT = 255, 127
# What is cut off hardly shows as long as it is little: of 24 photographs that were not measured,
# three kinds of damage each, none lost a hundredth of a dB more with up to 60 levels cut off and
# 3 in 100,000 hidden numbers at their largest.
MAX_CLIPPED_LEVELS, MAX_SATURATED_FRACTION = 64, 1e-4
# One row in so many is looked at, which costs a twentieth of the time; a prime, so that stripes
# are met at every phase.
ROWS_BETWEEN_LOOKS = 7
# Rows that are rounded at once are to stay in a core's cache from one operation to the next.
NUMBERS_AT_ONCE = 1 << 18

# A picture's tiles are all of one size; so many sizes have their weights at hand.
SIZES_KEPT = 4


class QuantizationOverflow(ArithmeticError):
    """A picture's numbers reach too far beyond the ranges that were measured."""


class QuantizedResidualBlock(nn.Module):
    """A ``ResidualBlock`` whose convolutions multiply 8-bit numbers.

    Channel ``c`` of the input becomes levels ``u = round(x / scale) + zero_point``, whole numbers
    from 0 to 255, so that ``x`` is about ``scale * (u - zero_point)``. The scales go into the
    weights, which are then rounded to 127 levels on either side, on a scale for each output
    channel; the zeros come to a constant, which goes into the bias.

    Args:
        block: Whose weights are taken.
        ranges: As ``ranges.calibrate`` found them.

    Shape:
        - Input and output: ``(B, channels, H, W)``, float32; the input is overwritten.

    Raises:
        QuantizationOverflow: In the forward pass, too much would be cut off.
    """

    def __init__(self, block: ResidualBlock, ranges: ActivationRange) -> None:
        super().__init__()
        ranges = ranges.with_headroom()
        scale = (ranges.high - ranges.low) / MAX_LEVEL
        zero_point = (-ranges.low / scale).round()
        hidden_scale = ranges.hidden / MAX_LEVEL
        self.levels_per_unit = (1 / scale).view(1, -1, 1, 1)
        self.half_above_zero = (zero_point + 0.5).view(1, -1, 1, 1)
        self.zero_point = zero_point.to(torch.uint8).view(1, -1, 1, 1)
        # The border that the first convolution lacks is part of its input, where it is each
        # channel's zero; what comes out one pixel too large on every side is the border that the
        # second one needs.
        self.conv1 = _Int8Conv2d(
            block.conv1, scale=scale, zero_point=zero_point, output_scale=hidden_scale, padding=1
        )
        self.conv2 = _Int8Conv2d(block.conv2, scale=hidden_scale, padding=0)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.conv1(self._levels(features))
        for border in _borders(hidden):
            border.zero_()
        looked_at = hidden[:, :, ::ROWS_BETWEEN_LOOKS]
        at_the_top = int((looked_at == MAX_LEVEL).sum())
        if at_the_top > MAX_SATURATED_FRACTION * looked_at.numel():
            raise QuantizationOverflow(
                f"{at_the_top} of {looked_at.numel()} hidden numbers cut off"
            )
        return features.add_(self.conv2(hidden))

    def _levels(self, features: Tensor) -> Tensor:
        """Round to levels, with a border of zeros for the first convolution around them."""
        batch, channels, height, width = features.shape
        levels = torch.empty((batch, height + 2, width + 2, channels), dtype=torch.uint8)
        levels = levels.permute(0, 3, 1, 2)  # channels last
        for border in _borders(levels):
            border.copy_(self.zero_point.expand_as(border))
        rows = max(1, NUMBERS_AT_ONCE // (channels * width))
        for top in range(0, height, rows):
            band = features[:, :, top : top + rows]
            rounded = torch.addcmul(self.half_above_zero, band, self.levels_per_unit)
            looked_at = rounded[:, :, -top % ROWS_BETWEEN_LOOKS :: ROWS_BETWEEN_LOOKS]
            if looked_at.numel():
                lowest, highest = torch.aminmax(looked_at)
                if lowest < -MAX_CLIPPED_LEVELS or highest > MAX_LEVEL + MAX_CLIPPED_LEVELS:
                    raise QuantizationOverflow(f"levels from {lowest:.0f} to {highest:.0f}")
            # To 8 bits is to cut off, so the half makes it rounding.
            levels[:, :, top + 1 : top + 1 + band.shape[2], 1:-1] = rounded.clamp_(0, MAX_LEVEL)
        return levels


def _borders(image: Tensor) -> tuple[Tensor, Tensor]:
    """First and last row, first and last column."""
    height, width = image.shape[-2:]
    return image[..., :: height - 1, :], image[..., :: width - 1]


class _Int8Conv2d:
    """A 3 x 3 convolution of levels, to levels after a ReLU or to float32."""

    def __init__(
        self,
        layer: nn.Conv2d,
        *,
        scale: Tensor,
        zero_point: Tensor | None = None,
        output_scale: Tensor | None = None,
        padding: int,
    ) -> None:
        weight = layer.weight.detach() * scale.view(1, -1, 1, 1)
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach()
        if output_scale is not None:
            weight, bias = weight / output_scale.view(-1, 1, 1, 1), bias / output_scale
        self.weight_scale = weight.abs().amax((1, 2, 3)).clamp(min=1e-30) / MAX_WEIGHT
        whole = (weight / self.weight_scale.view(-1, 1, 1, 1)).round()
        if zero_point is not None:
            bias = bias - (whole * zero_point.view(1, -1, 1, 1)).sum((1, 2, 3)) * self.weight_scale
        self.bias, self.padding = bias, [padding, padding]
        self.no_zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.to_levels = output_scale is not None
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
                self.weight,
                self.weight_scale,
                1.0,
                0,
                [1, 1],
                self.padding,
                [1, 1],
                1,
                levels.shape,
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
            self.weight_scale,
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


class QuantizedNetwork(nn.Module):
    """A network with its residual blocks in 8 bits, or all in float32 for a picture beyond them.

    Args:
        model: On the CPU. It is left as it is; what is not in a block is shared.
        ranges: Of every block, see ``ranges.calibrate``.

    Attributes:
        int8: The network in 8 bits.
        float32: The same in float32.
        has_fallen_back: Whether the last picture was done in float32.

    Raises:
        KeyError: A block has no ranges.
    """

    def __init__(self, model: Restorer, ranges: Mapping[str, ActivationRange]) -> None:
        super().__init__()
        self.guided, self.size_multiple = model.guided, model.size_multiple
        self.has_fallen_back = False
        self.float32, self.int8 = inplace_copy(model), overwriting_copy(model)
        replace_modules(
            self.int8,
            ResidualBlock,
            lambda name, block: QuantizedResidualBlock(block, ranges[name]),
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        self.has_fallen_back = False
        try:
            return self.int8(*inputs)
        except QuantizationOverflow:
            self.has_fallen_back = True
        # Not above: an exception keeps the feature maps of all it went through.
        return self.float32(*inputs)


@lru_cache(maxsize=1)
def has_fast_int8() -> bool:
    """Whether this processor multiplies 8-bit numbers fast and PyTorch does it right on it.

    A processor without VNNI sums pairs of products in 16 bits, where they do not fit.
    """
    try:
        return torch.cpu._is_vnni_supported() and _int8_is_correct()
    except (AttributeError, RuntimeError):  # another PyTorch
        return False


def _int8_is_correct() -> bool:
    """Whether convolutions of the largest levels with the largest weights are right."""
    layer = nn.Conv2d(64, 64, kernel_size=3, padding=1)
    levels = torch.full((1, 64, 5, 6), MAX_LEVEL, dtype=torch.uint8)
    levels = levels.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        layer.weight.fill_(1.0)
        layer.weight[::2] = -1.0
        expected = layer(levels.float())
        found = _Int8Conv2d(layer, scale=torch.ones(64), padding=1)(levels)
        # The middle of the picture is 9 * 64 * 255, or nothing after the ReLU.
        scale = torch.full((64,), 9 * 64 * 1.5)
        squeezed = _Int8Conv2d(layer, scale=torch.ones(64), output_scale=scale, padding=1)
        rounded = (expected.relu() / scale[0]).round()
        return torch.allclose(found, expected, rtol=1e-4) and bool(
            (squeezed(levels).float() - rounded).abs().max() <= 1
        )
