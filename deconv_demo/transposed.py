"""The arithmetic of a transposed convolution, step by step, and how unevenly it overlaps.

One rule says all of it: input cell ``i`` paints kernel cell ``k`` on output cell
``i * stride + k * dilation - padding``, along each axis, and what falls outside is cut away.
The settings have the names and the meaning of ``torch.nn.ConvTranspose2d``.
"""

import math

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
    """Return the side of what a transposed convolution makes of a side of ``input_size``.

    Raises:
        ValueError: PyTorch refuses these settings too; the message says why.

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
    """Count the contributions that each output cell gets, where every input cell paints once.

    With several layers of the same settings, a contribution is one path from an input cell
    through all of them.

    Args:
        kernel_size, stride, padding, output_padding, dilation: Of every layer and axis.
        layers: How many transposed convolutions follow each other, at least 1.
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
        At least 1; infinite where some cells get nothing at all.

    Raises:
        ValueError: As in ``overlap_map``.

    >>> overlap_ratio(3, 2), overlap_ratio(3, 2, dimensions=1), overlap_ratio(4, 2)
    (4.0, 2.0, 1.0)
    >>> round(overlap_ratio(9, 2), 2), overlap_ratio(3, 2, layers=2), overlap_ratio(2, 3)
    (1.56, 9.0, inf)
    """
    if min(kernel_size, stride, dilation) < 1:
        output_size(1, kernel_size, stride=stride, dilation=dilation)  # says what is wrong
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
