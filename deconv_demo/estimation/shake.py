"""Estimate the kernel of a hand-held camera's shake from one photograph.

A shake is a path of any shape: its kernel cannot be told from the power of its spectrum alone. So
the sharp (latent) image x and the kernel k of the blurred image y = k * x + noise are estimated in
turns, from a coarse scale to the full one, as in Cho and Lee 2009, "Fast Motion Deblurring":

- x for a known k, with as few gradients that are not zero as possible (Xu, Zheng and Jia 2013,
  "Unnatural L0 Sparse Representation for Natural Image Deblurring"; Pan et al. 2014, "Deblurring
  Text Images via L0-Regularized Intensity and Gradient Prior"). Such an x has too few details to
  be looked at, but its edges are sharp, and they are what shows the kernel.
- k for a known x, by non-negative least squares over the strong gradients of x (Xu and Jia 2010,
  "Two-Phase Kernel Estimation for Robust Motion Deblurring": faint ones mislead).

Whether the kernel is to be believed is for ``deconv_demo.estimation.kernel_choice`` to say.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.classical import fast_length, power
from deconv_demo.degradations import SHAKE_KERNEL_SIZE
from deconv_demo.estimation.kernel_shape import centered, without_specks

# Side of the kernel at the coarsest scale, where a shake is hardly more than a point; from one
# scale to the next all sides grow by the root of 2.
COARSEST_KERNEL = 3
SCALE_STEP = math.sqrt(2)
# Turns of latent image and kernel at each scale.
ROUNDS = 6
# What a gradient costs, in squares of values on [0, 1]: much at first, so that only strong edges
# stay, then less from turn to turn.
FIRST_COST, COST_DECAY, LAST_COST = 6e-3, 1.1, 1.5e-3
# Squared gradients of the latent image below this show no kernel.
FAINT_EDGE = 2e-3
# The two above are for pictures of this mean squared gradient; by this power of it they follow.
TYPICAL_ACTIVITY, ACTIVITY_POWER = 4e-3, 0.6
# Half-quadratic splitting: weight of the auxiliary gradients, of ``cost`` at first, and its growth.
FIRST_WEIGHT, LAST_WEIGHT, WEIGHT_GROWTH = 8.0, 1e5, 2.0
# Regularisation of the kernel by its own square and by that of its differences, against the mean
# power of the gradients that show it.
KERNEL_COST, KERNEL_SMOOTHNESS, KERNEL_STEPS = 0.02, 0.02, 30
# A picture with less mean squared gradient shows nothing but noise.
MIN_ACTIVITY = 2 * (0.5 / 255) ** 2


def estimate_shake(gray: Tensor) -> Tensor | None:
    """Estimate the blur kernel of one grey picture, whatever its shape.

    Args:
        gray: ``(H, W)`` in ``[0, 1]``; sides of 256 to 512 pixels are enough and quick.

    Returns:
        ``(SHAKE_KERNEL_SIZE, SHAKE_KERNEL_SIZE)``, non-negative, summing to 1, its centre of mass
        in the middle pixel; None where the picture is flat or no kernel was left.

    >>> estimate_shake(torch.full((96, 96), 0.5)) is None
    True
    """
    kernel, cost = None, FIRST_COST
    for side, shrink in reversed(_scales()):
        size = [max(round(length / shrink), 2 * side + 4) for length in gray.shape]
        scale = _Scale.of(gray if shrink == 1 else _resized(gray, size), side)
        if scale.activity < MIN_ACTIVITY:
            return None
        kernel = _first_guess(side, gray) if kernel is None else _enlarged(kernel, side)
        for _ in range(ROUNDS):
            across, down = l0_gradients(scale.spectrum, kernel, scale.size, cost * scale.unit)
            strong = (across.square() + down.square() >= FAINT_EDGE * scale.unit) & scale.inside
            found = least_squares_kernel([across * strong, down * strong], scale.blurred, kernel)
            if not found.sum() > 0:
                return None
            kernel = centered(without_specks(found))
            cost = max(cost / COST_DECAY, LAST_COST)
    return kernel


def edges_of(gray: Tensor, kernel: Tensor, cost: float) -> Tensor:
    """Return the squared gradients of the latent image of a grey picture, ``(H - 1, W - 1)``.

    Args:
        gray: ``(H, W)`` in ``[0, 1]``.
        kernel: ``(K, K)``, K odd.
        cost: As for ``l0_gradients``, for a picture of typical contrast.
    """
    scale = _Scale.of(gray, kernel.shape[-1])
    across, down = l0_gradients(scale.spectrum, kernel, scale.size, cost * max(scale.unit, 1e-3))
    squares = across.square() + down.square()
    return squares[scale.inside].view(gray.shape[0] - 1, gray.shape[1] - 1)


def l0_gradients(
    spectrum: Tensor, kernel: Tensor, size: tuple[int, int], cost: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the latent image that a kernel implies, most of them near zero.

    Minimises ``|k * x - y|^2 + cost * (number of gradients of x that are not 0)`` by half-quadratic
    splitting: auxiliary gradients are those of x or 0, whichever costs less, and x follows them
    more closely from step to step (Xu, Lu, Xu and Jia 2011, "Image Smoothing via L0 Gradient
    Minimization", algorithm 1, with the kernel as in Pan et al. 2014, equation 9).

    Args:
        spectrum: ``rfft2`` of the blurred image y, of ``size``, that wraps around.
        kernel: ``(K, K)``, K odd.
        size: Of the image.
        cost: Of a gradient, in squares of the image's values.

    Returns:
        Forward differences across and down, each of ``size``.
    """
    transfer = _transfer(kernel, size)
    fitted, fit = transfer.conj() * spectrum, power(transfer)
    roughness = _gradient_power(size, kernel)
    latent = torch.fft.irfft2(spectrum, s=size)
    weight = FIRST_WEIGHT * cost
    while weight < LAST_WEIGHT:
        across, down = _differences(latent)
        kept = across.square() + down.square() >= cost / weight
        across, down = across * kept, down * kept
        # The adjoint of the differences.
        steps = across.roll(1, 1).sub_(across).add_(down.roll(1, 0)).sub_(down)
        wanted = torch.fft.rfft2(steps).mul_(weight).add_(fitted)
        latent = torch.fft.irfft2(wanted.div_(fit + weight * roughness), s=size)
        weight *= WEIGHT_GROWTH
    return _differences(latent)


def least_squares_kernel(latent: list[Tensor], blurred: list[Tensor], start: Tensor) -> Tensor:
    """Return the non-negative kernel that makes the blurred gradients of the sharp ones.

    Minimises ``sum |k * latent - blurred|^2`` with a cost on k and its differences by accelerated
    projected gradients (Beck and Teboulle 2009, "A Fast Iterative Shrinkage-Thresholding
    Algorithm"). All that is needed of the images is the correlations of their gradients over the
    kernel's side, so that a step costs nothing.

    Args:
        latent, blurred: Gradients of the two images, the same number, ``(H, W)``, that wrap around.
        start: ``(K, K)``, where to begin.

    Returns:
        ``(K, K)``, summing to about 1; all 0 where nothing fits.
    """
    side, size = start.shape[-1], latent[0].shape
    sharp = [torch.fft.rfft2(each) for each in latent]
    auto = power(torch.stack(sharp)).sum(dim=0)
    cross = (torch.stack(sharp).conj() * torch.fft.rfft2(torch.stack(list(blurred)))).sum(dim=0)
    auto, cross = (torch.fft.irfft2(each, s=size) for each in (auto.to(cross.dtype), cross))
    energy = auto[0, 0].clamp_min(1e-12)
    target = cross.roll((side // 2, side // 2), (0, 1))[:side, :side] / energy
    # Lags of up to ``side`` are used: on a torus of three sides none of them wraps around.
    torus = fast_length(3 * side)
    lags = F.pad(
        auto.roll((side - 1, side - 1), (0, 1))[: 2 * side - 1, : 2 * side - 1] / energy,
        (0, torus - 2 * side + 1, 0, torus - 2 * side + 1),
    ).roll((1 - side, 1 - side), (0, 1))
    lags[0, 0] += KERNEL_COST + 4 * KERNEL_SMOOTHNESS
    for place in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        lags[place] -= KERNEL_SMOOTHNESS
    system = torch.fft.rfft2(lags)
    step = 1 / power(system).max().sqrt()
    kernel = ahead = start
    momentum = 1.0
    for _ in range(KERNEL_STEPS):
        applied = torch.fft.irfft2(torch.fft.rfft2(ahead, s=lags.shape) * system, s=lags.shape)
        moved = (ahead - step * (applied[:side, :side] - target)).clamp_min_(0)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - kernel)
        kernel, momentum = moved, following
    return kernel


def _scales() -> list[tuple[int, float]]:
    """Side of the kernel and how much smaller the picture is, from the full scale down."""
    scales = []
    shrink = 1.0
    while (side := 2 * int(SHAKE_KERNEL_SIZE / shrink / 2) + 1) >= COARSEST_KERNEL:
        scales.append((side, shrink))
        shrink *= SCALE_STEP
    return scales


@dataclass(frozen=True)
class _Scale:
    """A blurred picture at one scale, in the middle of a larger plane that wraps around.

    Attributes:
        size: Of the plane.
        spectrum: ``rfft2`` of the plane, into whose mean the picture fades.
        blurred: Differences of the picture across and down, 0 beyond it.
        inside: Where on the plane the picture is.
        activity: Its mean squared gradient.
    """

    size: tuple[int, int]
    spectrum: Tensor
    blurred: list[Tensor]
    inside: Tensor
    activity: float

    @property
    def unit(self) -> float:
        """How much costs and thresholds of gradients are to be scaled for this picture."""
        return (self.activity / TYPICAL_ACTIVITY) ** ACTIVITY_POWER

    @classmethod
    def of(cls, picture: Tensor, margin: int) -> "_Scale":
        height, width = (fast_length(side + 2 * margin) for side in picture.shape)
        size = (height, width)
        below, right = (size[axis] - picture.shape[axis] - margin for axis in (0, 1))
        mean = picture.mean()
        plane = F.pad((picture - mean)[None, None], (margin, right, margin, below), "replicate")
        lengths = zip(picture.shape, size, strict=True)
        rows, columns = (_fade(side, whole, margin, picture) for side, whole in lengths)
        plane = plane[0, 0] * rows[:, None] * columns + mean
        inside = torch.zeros(size, dtype=torch.bool, device=picture.device)
        inside[margin : size[0] - below - 1, margin : size[1] - right - 1] = True
        blurred = [steps * inside for steps in _differences(plane)]
        activity = sum(float(steps.square().sum()) for steps in blurred) / inside.sum().item()
        return cls(size, torch.fft.rfft2(plane), blurred, inside, activity)


def _fade(side: int, whole: int, margin: int, like: Tensor) -> Tensor:
    """1 over a picture's side that begins at ``margin``, falling smoothly to 0 at both ends."""
    place = torch.arange(whole, device=like.device, dtype=like.dtype)
    rise, fall = place / margin, (whole - 1 - place) / (whole - side - margin)
    share = torch.minimum(rise, fall).clamp_(0, 1)
    return share.square() * (3 - 2 * share)


def _differences(plane: Tensor) -> tuple[Tensor, Tensor]:
    return plane.roll(-1, 1).sub_(plane), plane.roll(-1, 0).sub_(plane)


def _gradient_power(size: tuple[int, int], like: Tensor) -> Tensor:
    """Power of the differences at each frequency of ``rfft2``."""
    rows = torch.fft.fftfreq(size[0], device=like.device)[:, None]
    columns = torch.fft.rfftfreq(size[1], device=like.device)[None]
    return 4 - 2 * (2 * math.pi * rows).cos() - 2 * (2 * math.pi * columns).cos()


def _transfer(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """Transfer function of a kernel whose middle is its origin."""
    back = -(kernel.shape[-1] // 2)
    height, width = (whole - kernel.shape[-1] for whole in size)
    return torch.fft.rfft2(F.pad(kernel, (0, width, 0, height)).roll((back, back), (0, 1)))


def _resized(plane: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(plane[None, None], size=size, mode="bilinear", antialias=True)[0, 0]


def _first_guess(side: int, like: Tensor) -> Tensor:
    """Two pixels beside each other: from a single one the turns would never leave."""
    kernel = torch.zeros(side, side, device=like.device)
    kernel[side // 2, side // 2 - 1 : side // 2 + 1] = 0.5
    return kernel


def _enlarged(kernel: Tensor, side: int) -> Tensor:
    """The kernel of the scale before at this one, about the same middle."""
    offsets = torch.arange(side, device=kernel.device, dtype=kernel.dtype) - side // 2
    offsets = offsets / SCALE_STEP / (kernel.shape[-1] / 2)
    down, across = torch.meshgrid(offsets, offsets, indexing="ij")
    places = torch.stack([across, down], dim=-1)[None]
    larger = F.grid_sample(kernel[None, None], places, align_corners=False)[0, 0]
    return larger / larger.sum()
