"""Clean image in, degraded image out: noise, blur and downscaling as cameras and files make them.

Every function takes RGB images ``(B, 3, H, W)`` in ``[0, 1]`` and gives them back in
``[0, 1]``. Randomness comes from a ``torch.Generator`` alone, so a seed repeats a picture.
What ends in a file is rounded to 8 bits, and noise is clipped as a file clips it: a network
trained on noise that was not clipped is over 1 dB worse on real 8-bit pictures at
sigma = 50 / 255.
"""

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

# Odd side of every blur kernel: 4 standard deviations of the widest Gaussian to each side.
BLUR_KERNEL_SIZE = 25
# The kernel of no blur.
SHARP = torch.zeros(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
SHARP[BLUR_KERNEL_SIZE // 2, BLUR_KERNEL_SIZE // 2] = 1


def quantise(image: Tensor) -> Tensor:
    """Round to the 256 levels of an 8-bit file; values outside ``[0, 1]`` are clipped.

    >>> quantise(torch.tensor([-0.1, 0.5, 1.2])).mul(255).tolist()
    [0.0, 128.0, 255.0]
    """
    return image.clamp(0, 1).mul(255).round().div(255)


def add_gaussian_noise(
    clean: Tensor, sigma: float | Tensor, generator: Generator, *, shared: bool | Tensor = False
) -> Tensor:
    """Add white Gaussian noise to every channel, then clip and round to 8 bits.

    Args:
        clean: ``(B, 3, H, W)`` in ``[0, 1]``.
        sigma: Standard deviation on ``[0, 1]`` (25 / 255, say); a number, or one for each
            image as ``(B,)``.
        generator: Source of the noise, on the CPU.
        shared: Whether the three channels get the same noise, as those of a grey picture have;
            one answer, or one for each image as ``(B,)``.
    """
    level = torch.as_tensor(sigma, dtype=clean.dtype, device=clean.device).view(-1, 1, 1, 1)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    shared = torch.as_tensor(shared, device=clean.device).view(-1, 1, 1, 1)
    return quantise(clean + level * torch.where(shared, noise[:, :1], noise))


def is_grey(image: Tensor) -> Tensor:
    """Tell for each of ``(B, 3, H, W)`` whether its three channels are equal, ``(B,)`` bool."""
    return (image == image[:, :1]).flatten(1).all(dim=1)


def downscale(clean: Tensor, scale: int) -> Tensor:
    """Make an image ``scale`` times smaller: antialiased bicubic, rounded to 8 bits.

    As MATLAB's ``imresize``, which the standard test sets were made with: the kernel of Keys
    1981 with a = -0.5, stretched by ``scale``, the picture mirrored at its borders.

    Args:
        clean: ``(B, 3, H, W)``; both sides multiples of ``scale``.
        scale: At least 1.

    Raises:
        ValueError: A side is no multiple of ``scale``.
    """
    return quantise(shrink(clean, scale))


def shrink(clean: Tensor, scale: int) -> Tensor:
    """Do what ``downscale`` does, without rounding and clipping."""
    height, width = clean.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"{height} x {width} is not a multiple of {scale}; crop it first")
    # The kernel reaches less than three pixels of the small image beyond a border.
    margin = 3
    rows, columns = (_mirrored(length, margin * scale, clean) for length in (height, width))
    wide = clean[..., rows, :][..., columns]
    size = (height // scale + 2 * margin, width // scale + 2 * margin)
    smaller = F.interpolate(wide, size=size, mode="bicubic", antialias=True)
    return smaller[..., margin:-margin, margin:-margin]


def _mirrored(length: int, margin: int, like: Tensor) -> Tensor:
    """Indices of a line that is continued by its mirror image, the edge repeated."""
    places = torch.arange(-margin, length + margin, device=like.device) % (2 * length)
    return torch.where(places < length, places, 2 * length - 1 - places)


def gaussian_kernel(sigma_x: float, sigma_y: float | None = None, angle: float = 0.0) -> Tensor:
    """Return a normalised Gaussian blur kernel, ``(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``.

    Args:
        sigma_x: Standard deviation along the first axis of the ellipse, in pixels.
        sigma_y: Along the second; None for an isotropic kernel.
        angle: Turn of the ellipse in radians.
    """
    sigma_y = sigma_x if sigma_y is None else sigma_y
    y, x = _kernel_grid()
    along = (x * math.cos(angle) + y * math.sin(angle)) / sigma_x
    across = (-x * math.sin(angle) + y * math.cos(angle)) / sigma_y
    kernel = torch.exp(-(along**2 + across**2) / 2)
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float, turn: float = 0.0) -> Tensor:
    """Return the kernel of a camera that moved during the exposure.

    Args:
        length: Length of the path in pixels, at most 17.
        angle: Heading at the middle of the exposure, in radians.
        turn: Change of heading from start to end, in radians; 0 is a straight line.
    """
    steps = torch.linspace(-0.5, 0.5, 128)
    heading = angle + turn * steps
    path = torch.stack([heading.sin(), heading.cos()], dim=1).cumsum(0) * (length / 128)
    path = path - path.mean(dim=0)  # the blur must not shift the picture
    # Each point is shared by the four cells around it, so that a path is as thin as it is.
    centre = BLUR_KERNEL_SIZE // 2
    corner = path.floor()
    fraction = path - corner
    kernel = torch.zeros(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
    for dy in (0, 1):
        for dx in (0, 1):
            rows, columns = (corner + torch.tensor([dy, dx]) + centre).long().unbind(1)
            weight_y = fraction[:, 0] if dy else 1 - fraction[:, 0]
            weight_x = fraction[:, 1] if dx else 1 - fraction[:, 1]
            kernel.index_put_((rows, columns), weight_y * weight_x, accumulate=True)
    return kernel / kernel.sum()


def defocus_kernel(radius: float) -> Tensor:
    """Return the disc that a point becomes out of focus, ``radius`` in pixels, its rim smoothed."""
    y, x = _kernel_grid()
    disc = (radius + 0.5 - torch.hypot(x, y)).clamp(0, 1)
    return disc / disc.sum()


def random_blur_kernel(generator: Generator) -> Tensor:
    """Draw a blur as hand-held cameras make it: Gaussian, motion or defocus."""
    kind, first, second, third = torch.rand(4, generator=generator).tolist()
    if kind < 0.2:
        return gaussian_kernel(0.4 + 2.6 * first)
    if kind < 0.4:
        return gaussian_kernel(0.4 + 2.6 * first, 0.4 + 2.6 * second, math.pi * third)
    if kind < 0.8:
        turn = (third - 0.5) * math.pi if kind < 0.6 else 0.0
        return motion_kernel(1 + 16 * first, math.pi * second, turn)
    return defocus_kernel(0.5 + 3.5 * first)


def blur(clean: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each image with its own kernel; beyond the border the last pixel goes on.

    Args:
        clean: ``(B, 3, H, W)``.
        kernels: ``(B, K, K)`` or ``(K, K)``, K odd, each summing to 1.

    Returns:
        ``(B, 3, H, W)``, not rounded: noise is added before a camera rounds.
    """
    kernels = kernels.expand(len(clean), -1, -1).to(clean)
    radius = kernels.shape[-1] // 2
    padded = F.pad(clean, (radius,) * 4, mode="replicate")
    # By Fourier transform: at 25 x 25 it is many times cheaper than sliding the kernel. The
    # wrap-around it brings stays inside the padding, which is cut off.
    size = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels, s=size).unsqueeze(1)
    full = torch.fft.irfft2(spectrum, s=size)
    return full[..., 2 * radius :, 2 * radius :].contiguous()


def blur_apart(clean: Tensor, first: Tensor, second: Tensor, sides: Tensor) -> Tensor:
    """Blur two parts of each image differently, as where one thing moves or lies behind another.

    Args:
        clean: ``(B, 3, H, W)``.
        first, second: As for ``blur``, a kernel for each part.
        sides: ``(B, 1, H, W)`` from 0, where the first blur is, to 1, where the second is.
    """
    return torch.lerp(blur(clean, first), blur(clean, second), sides)


def half_planes(
    height: int, width: int, angles: Tensor, offsets: Tensor, *, softness: float = 4.0
) -> Tensor:
    """Return masks of half an image each, 0 on one side of a straight line and 1 on the other.

    Args:
        angles: ``(B,)``, of the line's normal, in radians.
        offsets: ``(B,)``, of the line from the middle, in shares of the shorter side.
        softness: Pixels over which a mask goes from a quarter to three quarters, about.

    Returns:
        ``(B, 1, height, width)``.
    """
    y = (torch.arange(height) - (height - 1) / 2).view(1, -1, 1)
    x = (torch.arange(width) - (width - 1) / 2).view(1, 1, -1)
    angles, offsets = angles.view(-1, 1, 1), offsets.view(-1, 1, 1) * min(height, width)
    beyond = x * angles.cos() + y * angles.sin() - offsets
    return torch.sigmoid(beyond * (2.2 / softness)).unsqueeze(1)


def blur_and_noise(clean: Tensor, kernels: Tensor, sigma: float | Tensor, generator: Generator):
    """Blur as ``blur`` does, then add noise, clip and round as ``add_gaussian_noise`` does."""
    return add_gaussian_noise(blur(clean, kernels), sigma, generator)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """Compress and decompress each image as a JPEG file of ``quality`` 1 to 100 would."""
    pixels = image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    decoded = [_through_jpeg(one.cpu().numpy(), quality) for one in pixels]
    stacked = torch.stack([torch.from_numpy(one) for one in decoded]).permute(0, 3, 1, 2)
    return stacked.to(image) / 255


def jpeg_some(
    image: Tensor, generator: Generator, *, share: float, qualities: tuple[int, int] = (60, 95)
) -> Tensor:
    """Compress a random ``share`` of the images, each at a quality of its own.

    The 8 x 8 blocks begin anywhere, as in a photo that was cropped after it was saved: a network
    with strides must not learn where they lie.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        generator: Source of the choices, on the CPU.
        share: Probability of each image to be compressed.
        qualities: Lowest and highest, of 1 to 100.
    """
    compressed = image.clone()
    for index in range(len(image)):
        chosen, quality, down, right = torch.rand(4, generator=generator).tolist()
        if chosen >= share:
            continue
        rows, columns = int(8 * down), int(8 * right)
        shifted = F.pad(image[index : index + 1], (columns, 0, rows, 0), mode="replicate")
        low, high = qualities
        once = jpeg(shifted, low + round(quality * (high - low)))
        compressed[index] = once[0, :, rows:, columns:]
    return compressed


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=quality)
    return np.array(Image.open(encoded))


def _kernel_grid() -> tuple[Tensor, Tensor]:
    offsets = torch.arange(BLUR_KERNEL_SIZE, dtype=torch.float32) - BLUR_KERNEL_SIZE // 2
    return torch.meshgrid(offsets, offsets, indexing="ij")
