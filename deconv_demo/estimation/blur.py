"""Read the blur of a whole picture off its spectrum, and undo it with a Wiener filter.

A blur multiplies the spectrum of a picture by that of its kernel: discs leave rings of zeros,
motion leaves stripes. Photographs show all kinds of things, but the mean power of their blocks
falls in nearly the same way with frequency, about with its square; what is missing from that is
the blur. A small network learns to read it; the filter is the classical one.

Power forgets where things are: to a mean spectrum a blur and its reflection through the middle are
one. So both are undone, and the picture itself tells which was right: undone the wrong way round,
each edge becomes several, and natural pictures have few (Levin et al. 2007, "Image and Depth from
a Conventional Camera with a Coded Aperture": gradients are sparse).
"""

import torch
from torch import Tensor, nn

from deconv_demo.classical import power, wiener_deconvolve
from deconv_demo.degradations import BLUR_KERNEL_SIZE, SHARP

BLOCK = 64
# Side of the part that is read, from the middle: more only costs time.
LARGEST_READ = 1024
# The same of the halves of a picture, which are only compared with the whole. On 12 validation
# pictures one blur was read differently there by 0.112 at most at 256 and 512 pixels (at 128 by
# 0.226, mostly less than 0.15), two blurs on two sides by 0.312 at least.
LARGEST_HALF, LARGEST_DISAGREEMENT, SPECTRUM = 512, 0.15, 32
# Blocks of a smaller standard deviation have nothing in them (bars, a clipped sky, a white page):
# their power is that of no picture, and they are left out.
FLATTEST_READ = 1.5 / 255
# Side of the part, from the middle, that tells a blur from its reflection; and how the filter is
# balanced for that.
LARGEST_COMPARED, COMPARED_BALANCE = 512, 0.015
# Differences of neighbouring pixels that are far below this count as none.
FAINT_GRADIENT = 0.01

_TINY = 1e-7


class BlurReader(nn.Module):
    """Blur kernel, or its reflection, from the features of ``spectral_features``.

    Strided convolutions over the half plane of frequencies, then two dense layers: each pixel of
    a kernel depends on all frequencies.

    Args:
        channels: Of the first convolutions.
        hidden: Units between the dense layers.

    Shape:
        - Input: ``(B, 3, BLOCK, BLOCK // 2)``.
        - Output: ``(B, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``, positive, each summing to 1.

    >>> kernels = BlurReader()(spectral_features(torch.rand(2, 3, 128, 160)))
    >>> kernels.shape, [round(float(total), 3) for total in kernels.sum(dim=(1, 2))]
    (torch.Size([2, 25, 25]), [1.0, 1.0])
    """

    def __init__(self, *, channels: int = 32, hidden: int = 768) -> None:
        super().__init__()
        widths = [channels, channels, 2 * channels, 4 * channels, 4 * channels]
        # Three features, and where on the plane of frequencies they lie.
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

    def forward(self, features: Tensor) -> Tensor:
        rows = torch.linspace(-1, 1, BLOCK).to(features)
        columns = torch.linspace(0, 1, BLOCK // 2).to(features)
        place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        placed = torch.cat([features, place.expand(len(features), -1, -1, -1)], dim=1)
        pixels = self.dense(self.trunk(placed)).float().softmax(dim=1)
        return pixels.view(-1, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)


def spectral_features(image: Tensor) -> Tensor:
    """Return what the blocks of a picture have in common, over the half plane of frequencies.

    The logarithm of their mean power and the mean of their logarithms, both without the fall with
    frequency that all photographs share and relative to their lowest frequencies; and the first
    as it is, which shows the floor that noise makes.

    Args:
        image: ``(B, 3, H, W)`` or ``(B, 1, H, W)`` in ``[0, 1]``, sides of at least ``BLOCK``.

    Returns:
        ``(B, 3, BLOCK, BLOCK // 2)`` float32, frequency zero in the middle of the left side.
    """
    return _features_and_life(image)[0]


def _features_and_life(image: Tensor) -> tuple[Tensor, Tensor]:
    """``spectral_features``, and which of the pictures have any block that is not flat."""
    grey = luma(image.float())
    window = torch.hann_window(BLOCK, periodic=False, device=grey.device)
    window = window[:, None] * window[None]
    fy = torch.fft.fftfreq(BLOCK, device=grey.device)[:, None]
    fx = torch.fft.rfftfreq(BLOCK, device=grey.device)[None]
    whitening = 2 * torch.hypot(fy, fx).clamp_min(0.5 / BLOCK).log()

    blocks = _blocks(grey)
    blocks = blocks - blocks.mean((-1, -2), keepdim=True)
    lively = blocks.square().mean((-1, -2)) > FLATTEST_READ**2
    shares = lively.to(grey)
    shares = shares / shares.sum((1, 2), keepdim=True).clamp_min(1)
    strength = power(torch.fft.rfft2(blocks * window))
    level = (torch.einsum("byx,byxvu->bvu", shares, strength) + _TINY).log()
    whitened = level + whitening
    typical = torch.einsum("byx,byxvu->bvu", shares, strength.clamp_min(_TINY).log()) + whitening
    # The few lowest frequencies, which no blur touches, say how contrasted the picture is.
    contrast = whitened[:, [0, 1, 2, -1, -2], :3].mean((1, 2), keepdim=True)
    features = [(whitened - contrast) / 4, (typical - contrast) / 4, (level + 4) / 4]
    half = torch.stack(features, dim=1)[..., : BLOCK // 2]
    return torch.fft.fftshift(half, dim=2), lively.flatten(1).any(dim=1)


def read_blur(reader: nn.Module, image: Tensor) -> Tensor:
    """Return the blur of each picture, where it is the same everywhere in it.

    Its halves are read, too: where one is blurred in another way (a sharp thing before a soft
    background), undoing one blur for all would draw ghosts into the other.

    Args:
        reader: A ``BlurReader``.
        image: ``(B, 3, H, W)``, in ``[0, 1]`` or uint8, any size.

    Returns:
        Kernels ``(B, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``; of pictures too small or too flat
        to tell, or with more than one blur, ``no_blur``.
    """
    unread = no_blur(image)
    central = unit(middle(image, LARGEST_READ))
    kernels, readable = _read(reader, central)
    for half in _halves(image):
        others, clear = _read(reader, unit(middle(half, LARGEST_HALF)))
        readable &= ~clear | (spectral_distance(others, kernels) < LARGEST_DISAGREEMENT)
    if not readable.any():
        return unread
    return torch.where(readable.view(-1, 1, 1), right_way_round(central, kernels), unread)


def _read(reader: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Kernels, whichever way round, and which of them were read off anything, ``(B,)`` bool."""
    if min(image.shape[-2:]) < BLOCK:
        return no_blur(image), torch.zeros(len(image), dtype=torch.bool, device=image.device)
    features, lively = _features_and_life(image)
    return reader(features), lively


def spectral_distance(kernels: Tensor, others: Tensor) -> Tensor:
    """Return how far apart two transfer functions are, low frequencies counting more.

    There lies most of what a photograph consists of, and of what a wrong filter spoils. A kernel
    and its reflection count as one.

    Args:
        kernels, others: ``(B, K, K)``, each summing to 1.

    Returns:
        ``(B,)``, from 0 to about 1.

    >>> kernel = SHARP[None]
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


def no_blur(image: Tensor) -> Tensor:
    """Return the kernel that leaves all as it is, a single point, for each of a batch."""
    return SHARP.to(image.device).expand(len(image), -1, -1)


def right_way_round(image: Tensor, kernels: Tensor) -> Tensor:
    """Turn each kernel that fits its picture better when reflected through its middle.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``, blurred.
        kernels: ``(B, K, K)``.
    """
    turned = kernels.flip(1, 2)
    grey = luma(middle(image, LARGEST_COMPARED)).unsqueeze(1)
    as_it_is, other = (
        _edges(wiener_deconvolve(grey, each, balance=COMPARED_BALANCE))
        for each in (kernels, turned)
    )
    return torch.where((other < as_it_is).view(-1, 1, 1), turned, kernels)


def luma(image: Tensor) -> Tensor:
    """Return the brightness of ``(B, 3, H, W)`` or ``(B, 1, H, W)`` as ``(B, H, W)``."""
    if image.shape[1] == 1:
        return image[:, 0]
    red, green, blue = image.unbind(dim=1)
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def unit(image: Tensor) -> Tensor:
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


def middle(image: Tensor, longest: int) -> Tensor:
    """Return the middle of ``(B, C, H, W)``, at most ``longest`` a side."""
    top, left = (max(side - longest, 0) // 2 for side in image.shape[-2:])
    return image[..., top : top + longest, left : left + longest]


def _edges(image: Tensor) -> Tensor:
    """How much of each image is not flat, ``(B,)``: the mean logarithm of its gradients."""
    steps = [image.diff(dim=-1).flatten(1), image.diff(dim=-2).flatten(1)]
    return (torch.cat(steps, dim=1).abs() + FAINT_GRADIENT).log().mean(dim=1)


def _blocks(plane: Tensor) -> Tensor:
    """All blocks of ``(B, H, W)``, half overlapping: ``(B, rows, columns, BLOCK, BLOCK)``."""
    return plane.unfold(1, BLOCK, BLOCK // 2).unfold(2, BLOCK, BLOCK // 2)
