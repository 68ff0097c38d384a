"""Blind estimation of the blur kernel of a picture from its power spectrum.

A blur multiplies the spectrum of a picture by that of its kernel: discs leave rings of zeros,
motion leaves stripes. Photographs differ in content, but the mean power of their blocks falls
with frequency in nearly the same way; the deviation from that fall is the blur, which a small
network learns to estimate. ``classical.wiener`` then undoes it.

Notes:
    For an image ``x``, a kernel ``k`` and white noise of variance ``s²``, the blurred image has
    the mean power ``E|Y(f)|² = |K(f)|² E|X(f)|² + s²`` with ``E|X(f)|² ∝ 1 / |f|²``.
    ``|K|²`` is the same for a kernel and its 180-degree rotation. Both are deconvolved, and the
    image decides: the wrong orientation turns each edge into several, and gradients of natural
    images are sparse.

References:
    Field 1987, "Relations between the statistics of natural images and the response properties
    of cortical cells". Levin et al. 2007, "Image and Depth from a Conventional Camera with a
    Coded Aperture".
"""

import torch
from torch import Tensor, nn

from deconv_demo.classical import power, wiener_deconvolve
from deconv_demo.degradations import BLUR_KERNEL_SIZE, IDENTITY_KERNEL

BLOCK = 64
# Side of the central crop from which a kernel is estimated: a larger one only costs time.
MAX_READ = 1024
# The same for the halves of a picture, which are only compared with the whole. On 12 validation
# pictures their kernels were at a ``spectral_distance`` of 0.112 at most for one blur, at 256 and
# 512 pixels (0.226 at 128, mostly below 0.15), and of 0.312 at least for two blurs on two sides.
MAX_HALF, MAX_DISAGREEMENT, SPECTRUM = 512, 0.15, 32
# Blocks of a smaller standard deviation are flat (bars, a clipped sky, a white page): their power
# spectrum is not that of a photograph, and they are left out.
MIN_BLOCK_STD = 1.5 / 255
# Side of the central crop on which a kernel is compared with its 180-degree rotation, and the
# balance of the Wiener filter there.
MAX_COMPARED, COMPARED_BALANCE = 512, 0.015
# Differences of neighbouring pixels far below this count as flat.
FAINT_GRADIENT = 0.01

_TINY = 1e-7


class BlurKernelEstimator(nn.Module):
    """A network that maps ``spectral_features`` to a blur kernel, up to a 180-degree rotation.

    It has strided convolutions over the half plane of frequencies, then two dense layers, because
    each pixel of a kernel depends on all frequencies.

    Args:
        channels: Channels of the first convolutions.
        hidden: Units between the dense layers.

    Shape:
        - Input: ``(B, 3, BLOCK, BLOCK // 2)``.
        - Output: ``(B, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``, positive, each summing to 1.

    >>> kernels = BlurKernelEstimator()(spectral_features(torch.rand(2, 3, 128, 160)))
    >>> kernels.shape, [round(float(total), 3) for total in kernels.sum(dim=(1, 2))]
    (torch.Size([2, 25, 25]), [1.0, 1.0])
    """

    def __init__(self, *, channels: int = 32, hidden: int = 768) -> None:
        super().__init__()
        widths = [channels, channels, 2 * channels, 4 * channels, 4 * channels]
        # Input channels: three features and the two coordinates of the frequency.
        layers: list[nn.Module] = [nn.Conv2d(5, channels, 4, stride=2, padding=1), nn.ReLU()]
        for index, (before, width) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            layers += [nn.Conv2d(before, width, 3, stride=2 if index else 1, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(8 * widths[-1], hidden),
            nn.ReLU(),
            nn.Linear(hidden, BLUR_KERNEL_SIZE**2),
        )

    def forward(self, features: Tensor) -> Tensor:  # features: (B, 3, BLOCK, BLOCK // 2)
        rows = torch.linspace(-1, 1, BLOCK).to(features)
        columns = torch.linspace(0, 1, BLOCK // 2).to(features)
        place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))  # (2, BLOCK, BLOCK // 2)
        placed = torch.cat([features, place.expand(len(features), -1, -1, -1)], dim=1)  # (B, 5, …)
        pixels = self.dense(self.trunk(placed)).float().softmax(dim=1)  # (B, BLUR_KERNEL_SIZE ** 2)
        return pixels.view(-1, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)


def spectral_features(image: Tensor) -> Tensor:
    """Return the features of a blur: how the power spectrum of the blocks falls with frequency.

    Args:
        image: ``(B, 3, H, W)`` or ``(B, 1, H, W)`` in ``[0, 1]``, sides of at least ``BLOCK``.

    Returns:
        ``(B, 3, BLOCK, BLOCK // 2)`` float32, frequency zero in the middle of the left side.

    Notes:
        With the power ``P_b`` of the textured blocks, ``w(f) = 2 log|f|`` against the fall that all
        photographs share, and ``c`` the mean of the first term over the lowest frequencies:
        ``(log mean_b P_b + w - c) / 4``, ``(mean_b log P_b + w - c) / 4`` and
        ``(log mean_b P_b + 4) / 4``, which shows the noise floor.
    """
    return _features_and_validity(image)[0]


def _features_and_validity(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``spectral_features`` and a ``(B,)`` mask of images with a block that is not flat."""
    gray = to_brightness(image.float())  # (B, H, W)
    window = torch.hann_window(BLOCK, periodic=False, device=gray.device)
    window = window[:, None] * window[None]
    fy = torch.fft.fftfreq(BLOCK, device=gray.device)[:, None]
    fx = torch.fft.rfftfreq(BLOCK, device=gray.device)[None]
    whitening = 2 * torch.hypot(fy, fx).clamp_min(0.5 / BLOCK).log()  # (BLOCK, BLOCK // 2 + 1)

    blocks = _blocks(gray)  # (B, rows, columns, BLOCK, BLOCK)
    blocks = blocks - blocks.mean((-1, -2), keepdim=True)
    is_textured = blocks.square().mean((-1, -2)) > MIN_BLOCK_STD**2  # (B, rows, columns)
    shares = is_textured.to(gray)  # flat blocks weigh nothing
    shares = shares / shares.sum((1, 2), keepdim=True).clamp_min(1)
    strength = power(torch.fft.rfft2(blocks * window))  # (…, BLOCK, BLOCK // 2 + 1)
    level = (torch.einsum("byx,byxvu->bvu", shares, strength) + _TINY).log()  # (B, BLOCK, …)
    whitened = level + whitening
    typical = torch.einsum("byx,byxvu->bvu", shares, strength.clamp_min(_TINY).log()) + whitening
    # No blur touches the few lowest frequencies: they give the contrast of the picture.
    contrast = whitened[:, [0, 1, 2, -1, -2], :3].mean((1, 2), keepdim=True)  # (B, 1, 1)
    features = [(whitened - contrast) / 4, (typical - contrast) / 4, (level + 4) / 4]
    half = torch.stack(features, dim=1)[..., : BLOCK // 2]  # (B, 3, BLOCK, BLOCK // 2)
    return torch.fft.fftshift(half, dim=2), is_textured.flatten(1).any(dim=1)


def estimate_kernels(estimator: nn.Module, image: Tensor) -> Tensor:
    """Estimate one blur kernel for each picture, where the blur is the same all over it.

    The halves are estimated, too: where one is blurred in another way (a sharp thing before a soft
    background), deconvolving all with one kernel would draw ghosts into the other.

    Args:
        estimator: A ``BlurKernelEstimator``.
        image: ``(B, 3, H, W)``, in ``[0, 1]`` or uint8, any size.

    Returns:
        Kernels ``(B, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``; ``identity_kernels`` for pictures too
        small or too flat for an estimate, or with more than one blur.
    """
    identity = identity_kernels(image)
    middle = to_unit_range(center_part(image, MAX_READ))
    kernels, is_readable = _read(estimator, middle)
    for half in _halves(image):
        others, clear = _read(estimator, to_unit_range(center_part(half, MAX_HALF)))
        is_readable &= ~clear | (spectral_distance(others, kernels) < MAX_DISAGREEMENT)
    if not is_readable.any():
        return identity
    return torch.where(
        is_readable.view(-1, 1, 1), resolve_flip_ambiguity(middle, kernels), identity
    )


def _read(estimator: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return kernels, up to a rotation, and a ``(B,)`` mask of the images that have an estimate."""
    if min(image.shape[-2:]) < BLOCK:
        return identity_kernels(image), torch.zeros(
            len(image), dtype=torch.bool, device=image.device
        )
    features, is_textured = _features_and_validity(image)
    return estimator(features), is_textured


def spectral_distance(kernels: Tensor, others: Tensor) -> Tensor:
    """Return the distance of two transfer functions, weighted towards low frequencies.

    Most of a photograph lies there, and a wrong filter degrades it most there. A kernel and its
    180-degree rotation have distance 0.

    Args:
        kernels, others: ``(B, K, K)``, each summing to 1.

    Returns:
        ``(B,)``, from 0 to about 1: the mean over frequencies of
        ``|K(f) - K'(f)| / (|f| + 0.03)``, relative to the mean weight, for the better rotation.

    >>> kernel = IDENTITY_KERNEL[None]
    >>> spectral_distance(kernel, kernel).item()
    0.0
    """
    size = (SPECTRUM, SPECTRUM)
    fy = torch.fft.fftfreq(SPECTRUM, device=others.device)[:, None]
    weight = 1 / (torch.hypot(fy, torch.fft.rfftfreq(SPECTRUM, device=fy.device)[None]) + 0.03)
    weight = weight / weight.mean()
    distances = [
        (torch.fft.rfft2(kernels - way, s=size).abs() * weight).mean((1, 2))
        for way in (others, others.flip(1, 2))
    ]
    return torch.minimum(*distances)


def identity_kernels(image: Tensor) -> Tensor:
    """Return the identity kernel, a single point, once for each image of a batch."""
    return IDENTITY_KERNEL.to(image.device).expand(len(image), -1, -1)


def resolve_flip_ambiguity(image: Tensor, kernels: Tensor) -> Tensor:
    """Return each kernel in the orientation whose deconvolution has the sparser gradients.

    A power spectrum cannot tell a kernel from its 180-degree rotation; the image can (Levin et al.
    2007).

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``, blurred.
        kernels: ``(B, K, K)``.
    """
    turned = kernels.flip(1, 2)
    gray = to_brightness(center_part(image, MAX_COMPARED)).unsqueeze(1)
    as_it_is, other = (
        _edges(wiener_deconvolve(gray, each, balance=COMPARED_BALANCE))
        for each in (kernels, turned)
    )
    return torch.where((other < as_it_is).view(-1, 1, 1), turned, kernels)


def to_brightness(image: Tensor) -> Tensor:
    """Return the brightness of ``(B, 3, H, W)`` or ``(B, 1, H, W)`` as ``(B, H, W)``."""
    if image.shape[1] == 1:
        return image[:, 0]
    red, green, blue = image.unbind(dim=1)
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def to_unit_range(image: Tensor) -> Tensor:
    """Return an image in uint8 or in ``[0, 1]`` as float32 in ``[0, 1]``."""
    return image.float().div(255) if image.dtype == torch.uint8 else image.float()


def _halves(image: Tensor) -> list[Tensor]:
    height, width = (side // 2 for side in image.shape[-2:])
    return [
        image[..., :width],
        image[..., width:],
        image[..., :height, :],
        image[..., height:, :],
    ]


def center_part(image: Tensor, longest: int) -> Tensor:
    """Return the middle of ``(B, C, H, W)``, at most ``longest`` a side."""
    top, left = (max(side - longest, 0) // 2 for side in image.shape[-2:])
    return image[..., top : top + longest, left : left + longest]


def _edges(image: Tensor) -> Tensor:
    """Return the mean log gradient of each image, ``(B,)``: small where gradients are sparse."""
    steps = [image.diff(dim=-1).flatten(1), image.diff(dim=-2).flatten(1)]
    return (torch.cat(steps, dim=1).abs() + FAINT_GRADIENT).log().mean(dim=1)


def _blocks(plane: Tensor) -> Tensor:
    """Cut ``(B, H, W)`` into half overlapping blocks: ``(B, rows, columns, BLOCK, BLOCK)``."""
    return plane.unfold(1, BLOCK, BLOCK // 2).unfold(2, BLOCK, BLOCK // 2)
