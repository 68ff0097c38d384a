"""Networks in 8-bit integers, for processors that multiply these several times as fast.

Nearly all the work of the networks is in their residual blocks. Here both convolutions of a
block multiply 8-bit levels with 8-bit weights (VNNI instructions, which sum in 32 bits), while the
skip path around them stays float32, so that rounding errors do not accumulate from block to
block. Each channel has its own range of levels, calibrated on photographs; a picture whose
activations lie far beyond them (on fine stripes ten times further) is done in float32 instead.

References:
    Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference".
"""

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from deconv_demo.networks.activation_ranges import ActivationRange
from deconv_demo.networks.inplace import inplace_copy, overwriting_copy, replace_modules
from deconv_demo.networks.restorers import ResidualBlock, Restorer

MAX_LEVEL, MAX_WEIGHT = 255, 127
# Fallback limits. An overshoot of up to 60 levels and 3e-5 saturated hidden values cost under
# 0.01 dB on 24 held-out photos with three degradations each; beyond the limits
# QuantizationOverflow is raised and the tile is redone in float32.
MAX_CLIPPED_LEVELS, MAX_SATURATED_FRACTION = 64, 1e-4
# Every seventh row is checked for overshoot, which costs a twentieth of the time; 7 is prime, so
# that stripes are met at every phase.
ROWS_BETWEEN_LOOKS = 7
# Rows are rounded in bands of this many values, which stay in a core's cache between operations.
NUMBERS_AT_ONCE = 1 << 18

# All tiles of a picture have one size; packed weights are kept for this many sizes.
SIZES_KEPT = 4


class QuantizationOverflow(ArithmeticError):
    """Activations of a picture lie too far beyond the calibrated ranges."""


class QuantizedResidualBlock(nn.Module):
    """A ``ResidualBlock`` whose convolutions multiply 8-bit integers.

    The scales of the input go into the weights, which are then rounded to 127 levels on either
    side, with one scale per output channel; the zero points come to a constant in the bias.

    Args:
        block: Block whose weights are quantized.
        ranges: Its activation ranges, as returned by ``activation_ranges.calibrate``.

    Shape:
        - Input and output: ``(B, channels, H, W)``, float32; the input is overwritten.

    Raises:
        QuantizationOverflow: In the forward pass, if too much would be clipped.

    Notes:
        Per channel, ``u = round(x / scale) + zero_point``, clipped to 0 … 255, and
        ``x ≈ scale * (u - zero_point)``, with ``scale = (high - low) / 255``.
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
        # conv1 is given an explicit border filled with each channel's zero point. Its output, one
        # pixel larger on every side, has its border set to zero: that is the padding of conv2,
        # which needs none of its own.
        self.conv1 = _Int8Conv2d(
            block.conv1, scale=scale, zero_point=zero_point, output_scale=hidden_scale, padding=1
        )
        self.conv2 = _Int8Conv2d(block.conv2, scale=hidden_scale, padding=0)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.conv1(self._levels(features))  # (B, C, H + 2, W + 2) uint8
        for border in _borders(hidden):
            border.zero_()  # the zero padding of conv2
        looked_at = hidden[:, :, ::ROWS_BETWEEN_LOOKS]  # (B, C, ceil((H + 2) / 7), W + 2)
        at_the_top = int((looked_at == MAX_LEVEL).sum())
        if at_the_top > MAX_SATURATED_FRACTION * looked_at.numel():
            raise QuantizationOverflow(
                f"{at_the_top} of {looked_at.numel()} hidden numbers cut off"
            )
        return features.add_(self.conv2(hidden))  # (B, C, H, W) float32

    def _levels(self, features: Tensor) -> Tensor:
        """Round to levels, in a border that holds the zero point of each channel."""
        batch, channels, height, width = features.shape  # (B, C, H, W) float32
        levels = torch.empty((batch, height + 2, width + 2, channels), dtype=torch.uint8)
        levels = levels.permute(0, 3, 1, 2)  # (B, C, H + 2, W + 2), channels last
        for border in _borders(levels):
            border.copy_(self.zero_point.expand_as(border))
        rows = max(1, NUMBERS_AT_ONCE // (channels * width))
        for top in range(0, height, rows):
            band = features[:, :, top : top + rows]  # (B, C, rows, W) float32
            rounded = torch.addcmul(self.half_above_zero, band, self.levels_per_unit)
            looked_at = rounded[:, :, -top % ROWS_BETWEEN_LOOKS :: ROWS_BETWEEN_LOOKS]
            if looked_at.numel():
                lowest, highest = torch.aminmax(looked_at)
                if lowest < -MAX_CLIPPED_LEVELS or highest > MAX_LEVEL + MAX_CLIPPED_LEVELS:
                    raise QuantizationOverflow(f"levels from {lowest:.0f} to {highest:.0f}")
            # The conversion to uint8 truncates; the added half makes it rounding.
            levels[:, :, top + 1 : top + 1 + band.shape[2], 1:-1] = rounded.clamp_(0, MAX_LEVEL)
        return levels


def _borders(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return views of the first and last row, and of the first and last column."""
    height, width = image.shape[-2:]
    return image[..., :: height - 1, :], image[..., :: width - 1]


class _Int8Conv2d:
    """A 3 x 3 convolution of 8-bit levels, to levels after a ReLU or to float32."""

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
        """Return the weight in the memory order that is fastest for this size of image.

        oneDNN would reorder any other at every call, which takes up to ten times as long as the
        convolution.
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
            # A new dictionary, not a changed one: another thread may be reading the old one.
            newest = list(self.packed.items())[1 - SIZES_KEPT :]
            self.packed = {**dict(newest), key: packed}
        return packed

    def __call__(self, levels: Tensor) -> Tensor:
        return torch.ops.onednn.qconv2d_pointwise(
            levels,
            1.0,  # the scales and zero points of the levels are in weights and bias
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
    """A network with residual blocks in 8 bits, and in float32 for activations beyond their ranges.

    Args:
        model: Network on the CPU. It is left unchanged; everything outside the blocks is shared.
        ranges: Activation ranges of every block, see ``activation_ranges.calibrate``.

    Attributes:
        int8: The network with its residual blocks in 8 bits.
        float32: The same network in float32.
        has_fallen_back: Whether the last input was done in float32.

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
        # Outside the except clause: the exception holds the feature maps of all frames it crossed.
        return self.float32(*inputs)


@lru_cache(maxsize=1)
def has_fast_int8() -> bool:
    """Return whether this processor multiplies 8-bit integers fast and PyTorch does it right.

    A processor without VNNI sums pairs of products in 16 bits, which overflow.
    """
    try:
        return torch.cpu._is_vnni_supported() and _int8_is_correct()
    except (AttributeError, RuntimeError):  # another PyTorch
        return False


def _int8_is_correct() -> bool:
    """Return whether convolutions of the largest levels with the largest weights are right."""
    layer = nn.Conv2d(64, 64, kernel_size=3, padding=1)
    levels = torch.full((1, 64, 5, 6), MAX_LEVEL, dtype=torch.uint8)
    levels = levels.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        layer.weight.fill_(1.0)
        layer.weight[::2] = -1.0
        expected = layer(levels.float())
        found = _Int8Conv2d(layer, scale=torch.ones(64), padding=1)(levels)
        # An inner output is ±9 * 64 * 255; after the ReLU the negative ones are 0.
        scale = torch.full((64,), 9 * 64 * 1.5)
        squeezed = _Int8Conv2d(layer, scale=torch.ones(64), output_scale=scale, padding=1)
        rounded = (expected.relu() / scale[0]).round()
        return torch.allclose(found, expected, rtol=1e-4) and bool(
            (squeezed(levels).float() - rounded).abs().max() <= 1
        )
