"""Equivalent ways to compute a transposed convolution, equal for every valid setting.

Each function computes what ``torch.nn.functional.conv_transpose2d`` does, without calling it.
Shapes are PyTorch's without the batch: ``x`` is ``(C, H, W)``, ``weight``
``(C, C_out, kernel height, kernel width)``, the result ``(C_out, H_out, W_out)`` in the dtype of
``x``. Settings are the keywords of ``transposed.output_size``, which raises the ``ValueError``.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.convolution.transposed import index_triples, output_size


def insert_zeros(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Insert ``stride - 1`` zeros between the cells of the input, and the border it needs.

    A padding larger than ``dilation * (kernel_size - 1)`` cuts cells away instead.

    Returns:
        ``(C, rows, columns)``, the input of the convolution in ``by_zero_insertion``.

    >>> insert_zeros(torch.ones(1, 2, 2), torch.ones(1, 1, 3, 3), stride=2, padding=1)[0].int()
    tensor([[0, 0, 0, 0, 0],
            [0, 1, 0, 1, 0],
            [0, 0, 0, 0, 0],
            [0, 1, 0, 1, 0],
            [0, 0, 0, 0, 0]], dtype=torch.int32)
    """
    _output_sides(x, weight, settings)
    stride, dilation = settings.get("stride", 1), settings.get("dilation", 1)
    channels, height, width = x.shape
    spread = x.new_zeros(channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
    spread[:, ::stride, ::stride] = x
    before = [dilation * (side - 1) - settings.get("padding", 0) for side in weight.shape[2:]]
    after = [border + settings.get("output_padding", 0) for border in before]
    return F.pad(spread, (before[1], after[1], before[0], after[0]))


def by_zero_insertion(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Insert zeros, then convolve with the flipped kernel as an ordinary convolution layer.

    >>> by_zero_insertion(torch.tensor([[[1.0, 10.0]]]), torch.ones(1, 1, 1, 3), stride=2)
    tensor([[[ 1.,  1., 11., 10., 10.]]])
    """
    flipped = weight.transpose(0, 1).flip(2, 3)
    spread = insert_zeros(x, weight, **settings)
    return F.conv2d(spread[None], flipped, dilation=settings.get("dilation", 1))[0]


def kernel_cells(shape: tuple[int, int], kernel: tuple[int, int], **settings: int) -> np.ndarray:
    """Return which kernel weight stands in each entry of the transposed-convolution matrix.

    Args:
        shape: ``(H, W)`` of the input.
        kernel: Height and width of the kernel.

    Returns:
        ``(H_out * W_out, H * W)`` int64: row-major index of the kernel weight, or -1 for a
        structural zero.

    >>> kernel_cells((1, 2), (1, 3), stride=2).T.tolist()
    [[0, 1, 2, -1, -1], [-1, -1, 0, 1, 2]]
    """
    axes = []
    for length, parts in zip(shape, kernel, strict=True):
        axis = np.full((output_size(length, parts, **settings), length), -1)
        for cell, part, place in index_triples(length, parts, **settings):
            axis[place, cell] = part
        axes.append(axis)
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    cells = np.where((rows < 0) | (columns < 0), -1, rows * kernel[1] + columns)
    return cells.reshape(len(axes[0]) * len(axes[1]), -1)


def matrix(weight: Tensor, shape: tuple[int, int], **settings: int) -> Tensor:
    """Return the transposed convolution of an ``(H, W)`` input as a matrix.

    It is the transpose of the matrix of the convolution with the same weight and settings; hence
    the name (Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning").

    Returns:
        ``(C_out * H_out * W_out, C * H * W)``.

    >>> matrix(torch.tensor([[[[1.0, 2.0, 3.0]]]]), (1, 2), stride=2).T
    tensor([[1., 2., 3., 0., 0.],
            [0., 0., 1., 2., 3.]])
    """
    height, width = weight.shape[2:]
    cells = torch.from_numpy(kernel_cells(shape, (height, width), **settings))
    values = weight.flatten(2)[:, :, cells.clamp(min=0)]  # (C, C_out, outputs, inputs)
    values = values.where(cells >= 0, 0)
    return values.permute(1, 2, 0, 3).reshape(weight.shape[1] * len(cells), -1)


def by_matrix(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Multiply the flattened input with ``matrix``.

    >>> by_matrix(torch.tensor([[[1.0, 10.0]]]), torch.ones(1, 1, 1, 3), stride=2)
    tensor([[[ 1.,  1., 11., 10., 10.]]])
    """
    sides = _output_sides(x, weight, settings)
    height, width = x.shape[1:]
    product = matrix(weight, (height, width), **settings) @ x.flatten()
    return product.reshape(weight.shape[1], *sides)


def phase_kernels(weight: Tensor, *, stride: int = 1, dilation: int = 1) -> Tensor:
    """Sort the kernel cells by the place among ``stride`` x ``stride`` outputs to which they add.

    Returns:
        ``(C_out * stride ** 2, C, taps, taps)``: a weight for ``torch.nn.functional.conv2d`` whose
        result ``torch.nn.functional.pixel_shuffle`` puts in place (Shi et al. 2016, "Is the
        deconvolution layer the same as a convolutional layer?").

    >>> phase_kernels(torch.arange(1.0, 5).reshape(1, 1, 1, 4), stride=2)[:, 0].tolist()
    [[[3.0, 1.0]], [[4.0, 2.0]], [[0.0, 0.0]], [[0.0, 0.0]]]
    """
    channels, out_channels, *sides = weight.shape
    taps = [dilation * (side - 1) // stride + 1 for side in sides]
    kernels = weight.new_zeros(out_channels, stride, stride, channels, *taps)
    for m in range(sides[0]):
        for n in range(sides[1]):
            (down, row), (right, column) = (
                divmod(m * dilation, stride),
                divmod(n * dilation, stride),
            )
            # Counted from the end: conv2d does not flip its kernel.
            kernels[:, row, column, :, taps[0] - 1 - down, taps[1] - 1 - right] = weight[
                :, :, m, n
            ].T
    return kernels.flatten(0, 2)


def by_pixel_shuffle(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Convolve at low resolution to ``stride ** 2`` times the channels, then pixel-shuffle them.

    >>> by_pixel_shuffle(torch.tensor([[[1.0, 10.0]]]), torch.ones(1, 1, 1, 3), stride=2)
    tensor([[[ 1.,  1., 11., 10., 10.]]])
    """
    height, width = _output_sides(x, weight, settings)
    stride, padding = settings.get("stride", 1), settings.get("padding", 0)
    kernels = phase_kernels(weight, stride=stride, dilation=settings.get("dilation", 1))
    border = [taps - 1 for taps in kernels.shape[2:]]
    shuffled = F.pixel_shuffle(F.conv2d(x[None], kernels, padding=border), stride)[0]
    # Output padding may extend beyond all contributions; nothing but zeros is there.
    missing = [
        max(0, padding + side - have)
        for side, have in zip((height, width), shuffled.shape[1:], strict=True)
    ]
    shuffled = F.pad(shuffled, (0, missing[1], 0, missing[0]))
    return shuffled[:, padding : padding + height, padding : padding + width]


def by_gradient(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Return the gradient of a convolution with respect to its input, computed by autograd.

    >>> by_gradient(torch.tensor([[[1.0, 10.0]]]), torch.ones(1, 1, 1, 3), stride=2)
    tensor([[[ 1.,  1., 11., 10., 10.]]])
    """
    sides = _output_sides(x, weight, settings)
    with torch.inference_mode(False), torch.enable_grad():
        picture = x.new_zeros(1, weight.shape[1], *sides).requires_grad_()
        seen = F.conv2d(
            picture,
            weight,
            stride=settings.get("stride", 1),
            padding=settings.get("padding", 0),
            dilation=settings.get("dilation", 1),
        )
        # Where dilation lets output padding exceed the stride, a convolution sees more cells.
        seen = seen[0, :, : x.shape[1], : x.shape[2]]
        return torch.autograd.grad(seen, picture, x)[0][0]


def correlate(x: Tensor, weight: Tensor, *, padding: int = 0) -> Tensor:
    """Slide the kernel as it is over ``x``, with ``padding`` zeros around it, as ``Conv2d`` does.

    Args:
        x: ``(H, W)``.
        weight: ``(kernel height, kernel width)``.

    >>> correlate(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[1.0, 10.0]]))
    tensor([[21., 42.]])
    """
    padded = F.pad(x, (padding,) * 4)
    windows = padded.unfold(0, weight.shape[0], 1).unfold(1, weight.shape[1], 1)
    return (windows * weight).sum((-2, -1))


def convolve(x: Tensor, weight: Tensor, *, padding: int = 0) -> Tensor:
    """Slide the kernel, rotated by 180 degrees, over ``x``: convolution in the mathematical sense.

    >>> convolve(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[1.0, 10.0]]))
    tensor([[12., 24.]])
    """
    return correlate(x, weight.flip(0, 1), padding=padding)


def _output_sides(x: Tensor, weight: Tensor, settings: dict[str, int]) -> tuple[int, int]:
    if x.dim() != 3 or weight.dim() != 4 or len(x) != len(weight):
        raise ValueError(
            f"x is (C, H, W) and weight (C, C_out, height, width), "
            f"got {tuple(x.shape)}, {tuple(weight.shape)}"
        )
    height, width = (
        output_size(x.shape[axis], weight.shape[axis + 1], **settings) for axis in (1, 2)
    )
    return height, width
