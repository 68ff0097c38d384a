"""Full-reference evaluation: degrade a clean picture and score restorations against it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

from deconv_demo import degradations
from deconv_demo.classical import (
    crop_border,
    psnr,
    ssim,
    unsharp_mask,
    wiener_skimage,
    y_channel,
)
from deconv_demo.pictures import PictureError, from_pixels, normalize, to_image, to_uint8
from deconv_demo.restoration.enhancement import Enhancement
from deconv_demo.tasks import TASKS, Task

# Scores compare whole pictures in double precision; a megapixel of it takes a second.
MAX_SIDE = 1024
MIN_SIDE = 16

# The unsharp mask and the Wiener filter get the parameters that suit the picture best, chosen with
# the ground truth, so that the network is compared with them at their best.
UNSHARP_RADII = (1.0, 2.0, 3.0)
UNSHARP_AMOUNTS = (0.5, 1.0, 2.0)
WIENER_BALANCES = (0.003, 0.01, 0.03, 0.1)

BLURS = {
    "gaussian": degradations.gaussian_kernel,
    "motion": lambda size: degradations.motion_kernel(size, angle=0.6, turn=0.5),
    "defocus": degradations.defocus_kernel,
}
# Smallest, largest and default size of each blur: the range the deblurrer was trained for.
BLUR_SIZES = {"gaussian": (0.4, 3.0, 1.6), "motion": (1.0, 17.0, 9.0), "defocus": (0.5, 4.0, 2.5)}


@dataclass(frozen=True, kw_only=True)
class DegradationSpec:
    """A degradation that is applied to a clean picture before a network restores it.

    Attributes:
        sigma: Standard deviation of Gaussian noise on ``[0, 1]``.
        blur: Key of ``BLURS``, None for none.
        blur_size: Size in pixels: standard deviation, length of the path, or radius.
        scale: Factor of the downscale.
        jpeg_quality: From 1 to 95; None leaves the picture uncompressed.
        seed: Seed of the noise.
    """

    sigma: float = 0.0
    blur: str | None = None
    blur_size: float = 1.6
    scale: int = 1
    jpeg_quality: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """The score of one picture against the ground truth; ``psnr_db`` may be infinite."""

    name: str
    psnr_db: float
    ssim: float


def prepare_reference(picture: Image.Image, scale: int) -> Image.Image:
    """Return the central crop of a picture, at most 1024 a side, as the ground truth of a test.

    Raises:
        PictureError: The picture is too small to be degraded and scored.
    """
    picture = normalize(picture)
    sides = [min(side, MAX_SIDE) for side in picture.size]
    width, height = (side - side % scale for side in sides)
    if min(width, height) < MIN_SIDE * scale:
        raise PictureError(
            "too_small_to_judge",
            width=picture.width,
            height=picture.height,
            least=MIN_SIDE * scale,
        )
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    cropped = picture.crop((left, top, left + width, top + height))
    return cropped.convert("L" if picture.mode in ("L", "LA") else "RGB")


def degrade(reference: Image.Image, spec: DegradationSpec) -> Image.Image:
    """Blur, downscale, add noise and compress, in the order in which a camera does it.

    A gray picture stays gray.
    """
    image = to_image(reference)
    if spec.blur is not None:
        image = degradations.blur(image, BLURS[spec.blur](spec.blur_size))
    if spec.scale > 1:
        image = degradations.bicubic_downsample_8bit(image, spec.scale)
    generator = Generator().manual_seed(spec.seed)
    shared = reference.mode == "L"  # one channel has one noise, not the mean of three
    image = degradations.add_gaussian_noise(image, spec.sigma, generator, shared=shared)
    if spec.jpeg_quality is not None:
        image = degradations.jpeg(image, spec.jpeg_quality)
    return from_pixels(to_uint8(image), like=Image.new(reference.mode, (1, 1)))


def score_result(
    reference: Image.Image, damaged: Image.Image, result: Enhancement, sigma: float
) -> list[Score]:
    """Score the degraded picture, the best classical method and the network on the ground truth.

    Args:
        reference: Ground truth.
        damaged: Degraded picture that the network restored.
        result: Result of the network.
        sigma: Standard deviation of the added noise, which is passed to the classical denoiser.
    """
    task = TASKS[result.task_id]
    clean, degraded = to_image(reference), to_image(damaged)
    strength = task.level_of({**result.facts, "sigma": sigma})
    level = None if strength is None else torch.tensor([strength])
    name, classical = best_classical(result.task_id, degraded, level, clean)
    rows = [
        ("damaged", repeat_pixels(degraded, task.scale)),
        (name, classical),
        ("network", to_image(result.after)),
    ]
    return [
        Score(name=label, psnr_db=value, ssim=similarity)
        for label, image in rows
        for value, similarity in [scores(image, clean, task)]
    ]


def best_classical(
    task_id: str, degraded: Tensor, sigma: Tensor | None, clean: Tensor
) -> tuple[str, Tensor]:
    """Return the name and the result of a task's classical method, at its best parameters."""
    task = TASKS[task_id]
    if task_id != "deblur":
        return task.baseline_name, task.baseline(degraded, sigma)
    candidates = [
        (
            f"{task.baseline_name}, radius {radius:g}, amount {amount:g}",
            unsharp_mask(degraded, None, radius=radius, amount=amount),
        )
        for radius in UNSHARP_RADII
        for amount in UNSHARP_AMOUNTS
    ]
    return max(candidates, key=lambda candidate: psnr(candidate[1], clean))


def best_wiener(degraded: Tensor, kernel: Tensor, clean: Tensor) -> Tensor:
    """Return the Wiener deconvolution with a known kernel, at its best balance."""
    candidates = [wiener_skimage(degraded, kernel, balance=balance) for balance in WIENER_BALANCES]
    return max(candidates, key=lambda candidate: psnr(candidate, clean))


def scores(restored: Tensor, clean: Tensor, task: Task) -> tuple[float, float]:
    """Return PSNR (dB) and SSIM as the task's literature computes them, on 8-bit pictures.

    Upscaling is scored on Y with ``scale`` pixels of border cut off, the others on RGB.
    """
    compared = _compared(restored, clean, task)
    return psnr(*compared), ssim(*compared)


def score_psnr(restored: Tensor, clean: Tensor, task: Task) -> float:
    """Return the PSNR of ``scores`` alone, which takes a fraction of the time."""
    return psnr(*_compared(restored, clean, task))


def _compared(restored: Tensor, clean: Tensor, task: Task) -> tuple[Tensor, Tensor]:
    restored = degradations.quantize(restored)
    if not task.y_channel_metric:
        return restored, clean
    return crop_border(y_channel(restored), task.scale), crop_border(y_channel(clean), task.scale)


def repeat_pixels(degraded: Tensor, scale: int) -> Tensor:
    """Return a degraded image at the size of the clean one, each pixel repeated."""
    return F.interpolate(degraded, scale_factor=scale, mode="nearest")
