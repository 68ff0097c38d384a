"""Decide which of several blur kernels of one photograph to believe, "no blur" among them.

Each kernel is undone, and the one whose result has sparse gradients is taken: edges that are few
and strong. How few pixels are edges tells whether what was read is a blur at all. A shake, which
can fit anything, must leave fewer edges and also be sparser by the normalised sparsity of Krishnan,
Tay and Fergus 2011, "Blind Deconvolution Using a Normalized Sparsity Measure": the mean magnitude
of the gradients against its root mean square. Blur lowers the root mean square more than the mean,
and the rings and the noise that a wrong kernel brings raise the mean more: either way it rises.

And a shake is asked for twice more, in two halves of the picture: the camera moved alike before
both, so that kernels that do not agree are no shake, or not one of the whole picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.classical import wiener_deconvolve
from deconv_demo.degradations import IDENTITY_KERNEL, SHAKE_KERNEL_SIZE
from deconv_demo.estimation.blur import (
    MAX_READ,
    MIN_BLOCK_STD,
    center_part,
    to_brightness,
    to_unit_range,
)
from deconv_demo.estimation.kernel_shape import kernel_similarity, widened
from deconv_demo.estimation.shake import edges_of, estimate_shake

# Side of the part of a picture that is judged, in pixels; and the least that shows a shake.
MAX_COMPARED_SIDE, MIN_COMPARED_SIDE = 512, 160
# Shortest side of a half in which a shake is looked for again.
MIN_HALF = 200
# How the filter is balanced for that: noise must not drown the edges.
COMPARED_BALANCE = 0.02
# Next to the border the results depend on what lies beyond.
RIM = 20
# What was read is no blur unless undoing it takes so large a share of the pixels off the edges of
# the latent image. On photographs blurred by kernels of the shapes that are read it always did, on
# sharp ones mostly not; from 0.030 on it decides the same.
FEWER_EDGES = 0.04
# What such a step costs, and what counts as an edge, in squares of values on [0, 1].
EDGE_COST, EDGE = 1e-3, 1e-4
# By how much a shake must be better, in logarithms of the ratio: than what was read; than no blur;
# and than that where nothing was read, mostly because parts of the picture are blurred differently.
OVER_READ, OVER_SHARP, OVER_UNREAD = 0.01, 0.02, 0.10
# A shake that correlates so well with what was read confirms it and adds nothing but noise: nearly
# all did of blurs of the shapes that are read, of shakes few.
ALIKE = 0.87
# Correlations of the kernels of two halves and of the whole. From the first on, all of them
# together confirm a shake; from the second on they do not speak against one, or one half alone,
# where the other shows little; below the third they say that the picture has none or several.
CONFIRMED, ALLOWED, ONE_ALLOWED, REFUTED = 0.83, 0.75, 0.93, 0.60
# A confirmed shake is taken if its largest weight is below the first (what is estimated of a sharp
# picture is close to a point), it is less like what was read than the second, and it is sparser
# than no blur by the third, or leaves fewer edges than anything else by the fourth.
MAX_PEAK, UNLIKE, SPARSER, FEWEST_EDGES = 0.16, 0.80, 0.02, 0.03
# What was read is not taken instead of a shake that was not believed if it is less like it.
TOO_UNLIKE = 0.75


def best_kernel(image: Tensor, read: Tensor) -> Tensor:
    """Estimate the shake of a picture and return the most believable kernel.

    Args:
        image: ``(1, 3, H, W)``, in ``[0, 1]`` or uint8, any size.
        read: ``(K, K)``, what ``estimate_kernels`` found, the identity for nothing; K at most
            ``SHAKE_KERNEL_SIZE``.

    Returns:
        The estimated shake, ``read`` or a single point, of ``SHAKE_KERNEL_SIZE`` a side; ``read``
        as it is where the picture is too small to judge, or where it is the identity and no shake
        is believed.
    """
    gray = without_bars(to_brightness(to_unit_range(center_part(image, MAX_READ)))[0])
    gray = textured_part(gray, MAX_COMPARED_SIDE)
    if min(gray.shape) < MIN_COMPARED_SIDE:
        return read
    point, known = (
        widened(kernel, SHAKE_KERNEL_SIZE) for kernel in (IDENTITY_KERNEL.to(read), read)
    )
    unread = torch.equal(point, known)
    edges = edge_fraction(gray, point)
    edges_read = edges if unread else edge_fraction(gray, known)
    blurred = edges_read < edges - FEWER_EDGES
    usual = read if unread else known if blurred else point
    shake = estimate_shake(gray)
    alike = shake is not None and kernel_similarity(shake, known) > ALIKE
    if shake is None or blurred and alike:
        return usual
    similarity = kernel_similarity(shake, known)
    sharp, as_read, shaken = normalized_sparsity(gray, torch.stack([point, known, shake])).tolist()
    edges_shaken = edge_fraction(gray, shake)
    stands_out = (
        shake.max() <= MAX_PEAK
        and similarity < UNLIKE
        and (sharp - shaken >= SPARSER or edges_shaken < min(edges, edges_read) - FEWEST_EDGES)
    )
    enough = sharp - (OVER_UNREAD if unread else OVER_SHARP)
    if blurred:
        edges, enough = min(edges, edges_read), min(enough, as_read - OVER_READ)
    believed = shaken < enough and edges_shaken < edges
    doubted = blurred and similarity < TOO_UNLIKE
    if not (stands_out or believed or doubted):
        return usual
    # Nothing is known of halves that are too small: then what the whole shows decides.
    is_small = max(gray.shape) // 2 < MIN_HALF or min(gray.shape) < MIN_HALF
    together = None if is_small else _agreement(gray, shake)
    if together and stands_out and min(together) >= CONFIRMED:
        return shake
    if not believed:
        refuted = together is not None and doubted and min(together) < REFUTED
        return point if refuted else usual
    if alike and not unread:
        return known
    if together is None or min(together) >= ALLOWED or max(together[1:]) >= ONE_ALLOWED:
        return shake
    return point if similarity < TOO_UNLIKE else usual


def _agreement(gray: Tensor, shake: Tensor) -> tuple[float, float, float]:
    """Return the similarity of the kernels of two halves, and of each with that of the whole."""
    height, width = gray.shape
    if width >= height:
        halves = gray[:, : width // 2], gray[:, width // 2 :]
    else:
        halves = gray[: height // 2], gray[height // 2 :]
    first, second = (estimate_shake(half) for half in halves)
    if first is None or second is None:
        return 0.0, 0.0, 0.0
    return (
        kernel_similarity(first, second),
        kernel_similarity(shake, first),
        kernel_similarity(shake, second),
    )


def edge_fraction(gray: Tensor, kernel: Tensor) -> float:
    """Return the share of pixels at edges of the latent image that a kernel implies.

    The measure that estimates the shake (Pan et al. 2014): of a blurred edge many pixels are on
    a slope, of the sharp one behind it few.

    Args:
        gray: ``(H, W)`` in ``[0, 1]``.
        kernel: ``(K, K)``.
    """
    edges = edges_of(gray, kernel, EDGE_COST)[RIM:-RIM, RIM:-RIM]
    return float((edges > EDGE).float().mean())


def normalized_sparsity(gray: Tensor, kernels: Tensor) -> Tensor:
    """Return how far from sparse the gradients are that each kernel leaves when it is undone.

    Args:
        gray: ``(H, W)`` in ``[0, 1]``.
        kernels: ``(B, K, K)``.

    Returns:
        ``(B,)``: the logarithm of mean magnitude over root mean square, at most 0; lower is better.
    """
    undone = torch.cat(
        [
            wiener_deconvolve(gray[None, None], each[None], balance=COMPARED_BALANCE)
            for each in kernels
        ]
    )[:, 0, RIM:-RIM, RIM:-RIM]
    squares = undone.diff(dim=-1)[:, :-1].square() + undone.diff(dim=-2)[..., :-1].square()
    means = squares.sqrt().mean((1, 2)) / squares.mean((1, 2)).sqrt().clamp_min(1e-12)
    return means.clamp_min(1e-12).log()


def without_bars(plane: Tensor) -> Tensor:
    """Cut the rows and columns that are all of one shade off the borders of ``(H, W)``.

    The edge of a bar is no edge of the scene: no blur of the camera goes over it.

    >>> without_bars(torch.rand(8, 9)).shape
    torch.Size([8, 9])
    >>> without_bars(F.pad(torch.rand(8, 9), (3, 2, 0, 4))).shape
    torch.Size([8, 9])
    """
    for axis in (0, 1):
        textured = (
            (plane.std(dim=1 - axis, correction=0) > MIN_BLOCK_STD).nonzero().flatten().tolist()
        )
        if textured:
            plane = plane.narrow(axis, textured[0], textured[-1] - textured[0] + 1)
    return plane


def textured_part(plane: Tensor, longest: int) -> Tensor:
    """Return the part of ``(H, W)``, at most ``longest`` a side, where most is to be seen.

    >>> plane = torch.zeros(100, 300)
    >>> plane[40:60, 220:280:2] = 1
    >>> textured_part(plane, 100).sum().item()
    600.0
    """
    step = longest // 4
    height, width = (min(side, longest) for side in plane.shape)
    if (height, width) == tuple(plane.shape):
        return plane
    # Differences are cut off, so that many edges count more than a strong one.
    down, across = plane.diff(dim=0)[:, :-1], plane.diff(dim=1)[:-1]
    steps = down.abs().clamp_max(0.1) + across.abs().clamp_max(0.1)
    sums = F.pad(steps.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    tops, lefts = (
        sorted({*range(0, side - part, step), side - part})
        for side, part in zip(plane.shape, (height, width), strict=True)
    )

    def seen(place: tuple[int, int]) -> float:
        top, left = place
        below, right = top + height - 1, left + width - 1
        return float(sums[below, right] - sums[top, right] - sums[below, left] + sums[top, left])

    top, left = max(((top, left) for top in tops for left in lefts), key=seen)
    return plane[top : top + height, left : left + width]
