"""One look at a picture: what is wrong with it, and what to do about it, in which order."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from deconv_demo.degradations import jpeg_level
from deconv_demo.estimation import NoiseReading, read_noise, spread
from deconv_demo.pictures import normalize, visible_pixels
from deconv_demo.restoration.condition import read_quality
from deconv_demo.restoration.guide import estimate_kernel, is_identity
from deconv_demo.restoration.readable import readable_pixels
from deconv_demo.restoration.trust import has_few_colors
from deconv_demo.restoration.weights import load_noise_estimator

# What is worth a repair: noise of 255, a quality of JPEG files, and a side in pixels below which a
# picture is small on today's screens.
NOISY, WORN_QUALITY, SMALL_SIDE = 2.5, 80, 800
# A blur is read on a picture with little noise; with more than this the reading is not shown.
TOO_NOISY_FOR_BLUR = 8.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: "noise", "jpeg", "blur" or "size".
        is_wrong: Whether there is something to repair.
        values: Numbers of it, for sentences: ``sigma`` of 255 and ``grain`` in pixels; ``quality``
            and ``file_quality`` (or None); ``width`` of the blur in pixels; ``width``, ``height``.
            ``is_hidden`` says of noise and blur that they cannot be told beside something worse.
    """

    name: str
    is_wrong: bool
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a picture needs.

    Attributes:
        findings: In the order of ``name`` as above.
        steps: Ids of tasks in the order in which they should be run; empty where nothing is wrong.
        optional: Ids of tasks that may be of use: enlarging a small picture.
        noise: What was read of the noise.
        kernel: Weights of the blur kernel, None where there is no blur.
    """

    findings: tuple[Finding, ...]
    steps: tuple[str, ...]
    optional: tuple[str, ...]
    noise: NoiseReading
    kernel: np.ndarray | None = None

    def as_record(self) -> dict[str, Any]:
        """Return it as plain values, as for JSON."""
        return {
            "steps": list(self.steps),
            "optional": list(self.optional),
            "findings": {
                finding.name: {"is_wrong": finding.is_wrong, **finding.values}
                for finding in self.findings
            },
        }


def diagnose(picture: Image.Image) -> Diagnosis:
    """Read noise, grain, JPEG history, blur and size of a picture, and propose repairs.

    Blocks come off first, since they look like edges to everything else; then noise, which a
    sharpening would raise; then blur; enlarging comes last, and is never more than an offer.

    Args:
        picture: Any PIL picture of 1 x 1 pixel up to 50 megapixels.

    Raises:
        PictureError: The picture cannot be used; the text says what to do.
        WeightsError: The weights of an estimator are missing or damaged.

    >>> diagnose(Image.new("RGB", (1200, 900), "gray")).steps
    ()
    """
    source = normalize(picture)
    pixels = readable_pixels(source, visible_pixels(source))
    noise = read_noise(load_noise_estimator(), pixels)
    file_quality = source.info.get("jpeg_quality")
    quality = read_quality(pixels, file_quality)
    sigma = noise.sigma * 255
    kernel = estimate_kernel(pixels)
    is_blur_hidden = not is_identity(kernel) and sigma >= TOO_NOISY_FOR_BLUR
    is_blurred = not is_identity(kernel) and not is_blur_hidden
    is_noisy = sigma >= NOISY and not has_few_colors(pixels)
    # Of a noisy picture in a good file the noise is the trouble, not the file: what is read of the
    # file is mostly noise, and the denoiser has learned both.
    is_worn = quality < WORN_QUALITY and (not is_noisy or jpeg_level(quality) * 255 > sigma / 2)
    is_noise_hidden = is_noisy and is_worn and jpeg_level(quality) * 255 > sigma
    is_noisy = is_noisy and not is_noise_hidden
    is_small = max(source.size) < SMALL_SIDE
    findings = (
        Finding(
            name="noise",
            is_wrong=is_noisy,
            values={
                "sigma": round(sigma, 1),
                "grain": round(noise.grain, 1),
                "is_hidden": is_noise_hidden,
            },
        ),
        Finding(
            name="jpeg",
            is_wrong=is_worn,
            values={
                "quality": round(quality),
                "file_quality": None if file_quality is None else round(file_quality),
            },
        ),
        Finding(
            name="blur",
            is_wrong=is_blurred,
            values={"width": round(spread(kernel), 1), "is_hidden": is_blur_hidden},
        ),
        Finding(
            name="size", is_wrong=False, values={"width": source.width, "height": source.height}
        ),
    )
    wrong = (("jpeg", is_worn), ("denoise", is_noisy), ("deblur", is_blurred))
    return Diagnosis(
        findings=findings,
        steps=tuple(task_id for task_id, is_needed in wrong if is_needed),
        optional=("upscale_x2",) if is_small else (),
        noise=noise,
        kernel=kernel.cpu().numpy() if is_blurred else None,
    )
