"""The arithmetic of a transposed convolution, step by step, and how unevenly it overlaps.

One rule defines it: along each axis, input cell ``i`` times kernel cell ``k`` is added to output
cell ``i * stride + k * dilation - padding``, and what falls outside is cut away. The settings have
the names and the meaning of ``torch.nn.ConvTranspose2d``.
"""

import math
from dataclasses import dataclass

import numpy as np


def output_size(
    input_size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Return the output side of a transposed convolution for a side of ``input_size``.

    Raises:
        ValueError: PyTorch refuses these settings too; the message gives the reason.

    >>> output_size(4, 3, stride=2, padding=1), output_size(4, 4, stride=2, padding=1)
    (7, 8)
    >>> output_size(4, 3, stride=2, padding=1, output_padding=2)
    Traceback (most recent call last):
    ValueError: output_padding must be below stride or dilation, got 2 with stride 2, dilation 1
    """
    counts = {"input_size": input_size, "kernel_size": kernel_size}
    for name, value in (counts | {"stride": stride, "dilation": dilation}).items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    for name, value in {"padding": padding, "output_padding": output_padding}.items():
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding must be below stride or dilation, got {output_padding} "
            f"with stride {stride}, dilation {dilation}"
        )
    painted = (input_size - 1) * stride + (kernel_size - 1) * dilation + 1
    side = painted - 2 * padding + output_padding
    if side < 1:
        raise ValueError(
            f"nothing is left of {painted} painted cells with padding {padding} cut from each "
            f"end and output_padding {output_padding} put back"
        )
    return side


def overlap_map(
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    *,
    output_padding: int = 0,
    dilation: int = 1,
    layers: int = 1,
    input_size: int = 8,
    dimensions: int = 2,
) -> np.ndarray:
    """Count the contributions to each output cell of a transposed convolution.

    With several layers of the same settings, a contribution is one path from an input cell
    through all of them.

    Args:
        kernel_size, stride, padding, output_padding, dilation: Settings of every layer and axis.
        layers: Number of transposed convolutions in a row, at least 1.
        input_size: Side of the first layer's input.
        dimensions: 1 for a line, 2 for a square, …

    Returns:
        ``(output_size,) * dimensions`` of int64.

    Raises:
        ValueError: A layer has settings that PyTorch refuses, or ``layers`` or ``dimensions``
            is below 1.

    >>> overlap_map(3, 2, input_size=4, dimensions=1).tolist()
    [1, 1, 2, 1, 2, 1, 2, 1, 1]
    >>> overlap_map(4, 2, 1, input_size=2).tolist()
    [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
    """
    if min(layers, dimensions) < 1:
        raise ValueError(f"layers and dimensions must be at least 1, got {layers}, {dimensions}")
    line = np.ones(input_size, dtype=np.int64)
    for _ in range(layers):
        side = output_size(
            len(line),
            kernel_size,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
        )
        painted = np.zeros(max(padding + side, (len(line) - 1) * stride + 1), dtype=np.int64)
        painted = np.pad(painted, (0, (kernel_size - 1) * dilation))
        for cell in range(kernel_size):
            start = cell * dilation
            painted[start : start + (len(line) - 1) * stride + 1 : stride] += line
        line = painted[padding : padding + side]
    counts = line
    for _ in range(dimensions - 1):  # every axis is alike, and paths along axes multiply
        counts = np.multiply.outer(counts, line)
    return counts


def overlap_ratio(
    kernel_size: int,
    stride: int = 1,
    *,
    dilation: int = 1,
    layers: int = 1,
    dimensions: int = 2,
) -> float:
    """Return the largest over the smallest number of contributions, away from the border.

    1 means that no grid can come from the counts alone; this is so exactly where, without
    dilation, the kernel is a multiple of the stride (Odena et al. 2016, "Deconvolution and
    Checkerboard Artifacts"). Padding moves the pattern and does not change the ratio.

    Returns:
        Ratio of at least 1; infinite where some cells get nothing at all.

    Raises:
        ValueError: As in ``overlap_map``.

    >>> overlap_ratio(3, 2), overlap_ratio(3, 2, dimensions=1), overlap_ratio(4, 2)
    (4.0, 2.0, 1.0)
    >>> round(overlap_ratio(9, 2), 2), overlap_ratio(3, 2, layers=2), overlap_ratio(2, 3)
    (1.56, 9.0, inf)
    """
    if min(kernel_size, stride, dilation) < 1:
        output_size(1, kernel_size, stride=stride, dilation=dilation)  # raises the error
    # Far enough from both ends that no layer's border reaches the middle.
    reach = (kernel_size - 1) * dilation // stride + 2
    line = overlap_map(
        kernel_size,
        stride,
        dilation=dilation,
        layers=layers,
        input_size=2 * reach * layers + 2,
        dimensions=1,
    )
    period = stride**layers
    middle = (len(line) - period) // 2
    inside = line[middle : middle + period]
    if inside.min() == 0:
        return math.inf
    return float((inside.max() / inside.min()) ** dimensions)


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """One product of a transposed convolution, from one input cell to one output cell.

    Attributes:
        input, kernel, output: Row and column of the three cells, counted from 0.
        product: Value of the input cell times value of the kernel cell.
    """

    input: tuple[int, int]
    kernel: tuple[int, int]
    output: tuple[int, int]
    product: float


def index_triples(
    input_size: int, kernel_size: int, *, stride: int = 1, dilation: int = 1, **settings: int
) -> list[tuple[int, int, int]]:
    """Return every ``(input, kernel, output)`` triple of cells that belong together along one axis.

    Args:
        input_size, kernel_size, stride, dilation: As in ``output_size``.
        settings: ``padding`` and ``output_padding`` of ``output_size``.

    Raises:
        ValueError: PyTorch refuses these settings too.

    >>> index_triples(2, 3, stride=2, padding=1)  # padding cuts the first kernel cell off
    [(0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 2)]
    """
    side = output_size(input_size, kernel_size, stride=stride, dilation=dilation, **settings)
    placed = (
        (cell, part, cell * stride + part * dilation - settings.get("padding", 0))
        for cell in range(input_size)
        for part in range(kernel_size)
    )
    return [link for link in placed if 0 <= link[2] < side]


def contributions(x: np.ndarray, weight: np.ndarray, **settings: int) -> list[Contribution]:
    """Return every product that is added to an output cell, in the order of ``scatter``.

    The partners of a cell are the products with that cell as ``input``, ``kernel`` or ``output``.

    Args:
        x: ``(H, W)``.
        weight: ``(kernel height, kernel width)``.
        settings: Keywords of ``output_size``.

    >>> found = contributions(np.array([[2.0, 5.0]]), np.array([[1.0, 10.0]]))
    >>> [(one.input, one.kernel, one.product) for one in found if one.output == (0, 1)]
    [((0, 0), (0, 1), 20.0), ((0, 1), (0, 0), 5.0)]
    """
    rows, columns = (
        index_triples(x.shape[axis], weight.shape[axis], **settings) for axis in range(2)
    )
    found = [
        Contribution(
            input=(i, j),
            kernel=(m, n),
            output=(row, column),
            product=float(x[i, j] * weight[m, n]),
        )
        for i, m, row in rows
        for j, n, column in columns
    ]
    return sorted(found, key=lambda one: (one.input, one.kernel))


def scatter(x: np.ndarray, weight: np.ndarray, **settings: int) -> np.ndarray:
    """Compute by scattering: every input cell adds a scaled copy of the kernel to the output.

    Args:
        x: ``(C, H, W)``.
        weight: ``(C, C_out, kernel height, kernel width)``, PyTorch's layout.
        settings: Keywords of ``output_size``.

    Returns:
        ``(C_out, H_out, W_out)`` float64.

    Raises:
        ValueError: PyTorch refuses these shapes or settings too.

    >>> scatter(np.array([[[1.0, 10.0]]]), np.ones((1, 1, 1, 3)), stride=2)[0].tolist()
    [[1.0, 1.0, 11.0, 10.0, 10.0]]
    """
    stride, dilation = settings.get("stride", 1), settings.get("dilation", 1)
    padding = settings.get("padding", 0)
    shape = _output_shape(x, weight, settings)
    spans = [(side - 1) * dilation + 1 for side in weight.shape[2:]]
    sides = [
        max((n - 1) * stride + span, padding + side)
        for n, span, side in zip(x.shape[1:], spans, shape[1:], strict=True)
    ]
    canvas = np.zeros((shape[0], *sides))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            stamp = np.tensordot(x[:, i, j], weight, axes=1)  # (C_out, rows, columns)
            top, left = i * stride, j * stride
            rows = slice(top, top + spans[0], dilation)
            columns = slice(left, left + spans[1], dilation)
            canvas[:, rows, columns] += stamp
    return canvas[:, padding : padding + shape[1], padding : padding + shape[2]]


def gather(x: np.ndarray, weight: np.ndarray, **settings: int) -> np.ndarray:
    """Compute by gathering: every output cell sums its terms from the input cells that reach it.

    Arguments, result and errors as in ``scatter``.

    >>> gather(np.array([[[1.0, 10.0]]]), np.ones((1, 1, 1, 3)), stride=2)[0].tolist()
    [[1.0, 1.0, 11.0, 10.0, 10.0]]
    """
    stride, dilation = settings.get("stride", 1), settings.get("dilation", 1)
    padding = settings.get("padding", 0)
    output = np.zeros(_output_shape(x, weight, settings))
    for row, column, m, n in np.ndindex(*output.shape[1:], *weight.shape[2:]):
        (i, above), (j, left) = (
            divmod(place + padding - part * dilation, stride)
            for place, part in ((row, m), (column, n))
        )
        if above == left == 0 and 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
            output[:, row, column] += x[:, i, j] @ weight[:, :, m, n]
    return output


def _output_shape(
    x: np.ndarray, weight: np.ndarray, settings: dict[str, int]
) -> tuple[int, int, int]:
    if x.ndim != 3 or weight.ndim != 4 or len(x) != len(weight):
        raise ValueError(
            f"x is (C, H, W) and weight (C, C_out, height, width), got {x.shape}, {weight.shape}"
        )
    height, width = (
        output_size(x.shape[axis], weight.shape[axis + 1], **settings) for axis in (1, 2)
    )
    return weight.shape[1], height, width
