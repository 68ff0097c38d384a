"""The table of tasks: one frozen entry defines how to train, load, run and evaluate a network."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

from torch import Generator, Tensor

from deconv_demo import degradations
from deconv_demo.classical import bicubic, unsharp_mask, wavelet_denoise
from deconv_demo.controls import Control
from deconv_demo.degradations import GRAY_PROB, DegradedBatch, task_degradations
from deconv_demo.networks import DeconvUNet, DeconvUpscaler, Restorer

# Pixels discarded at each inner edge of a tile, unless a task sets its own.
CONTEXT = 24
# Quality of the JPEG files in the benchmark cases.
EVAL_JPEG_QUALITY = 75


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The configuration of a training run.

    Attributes:
        patch: Side of a training crop, in pixels of the degraded image.
        batch: Crops in one step.
        margin: Pixels that are cropped around a patch before it is degraded and cut off
            afterwards, so that no border of a degradation is learned.
        context: Pixels by which the crop is longer along each axis. For guided tasks the blur is
            estimated on this larger crop, then the patch is cut from it: a patch alone is too small
            to estimate a blur.
        optimiser: "muon" or "adam"; see ``training.optimizers``.
        learning_rate: Peak of the schedule.
        ema_decay: Decay per step of the EMA of the weights, which is what is saved.
        gradient_clip: Largest norm of a gradient.
        grey_share: Probability that a crop is made gray before it is degraded.
        reduced_share: Probability that a crop is cut from its picture after a downscale by up to
            2: what the camera or the file has blurred is sharp there, and more of it fits in.
    """

    patch: int = 64
    batch: int = 8
    margin: int = 0
    context: int = 0
    optimiser: str = "adam"
    learning_rate: float = 4e-4
    ema_decay: float = 0.999
    gradient_clip: float = 0.5
    grey_share: float = 0.0
    reduced_share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """A fixed degradation on which a task is evaluated.

    Attributes:
        name: Name in tables, such as "sigma 25".
        degrade: Function from ``(clean, generator)`` to ``DegradedBatch``.
        is_jpeg: Whether the degraded picture comes from a JPEG file, in blocks of 8 x 8 that
            start at its top left corner.
        gray: Whether the pictures are made gray for it.
        kernel: Blur kernel, ``(K, K)``, for non-blind methods. The network does not get it.
    """

    name: str
    degrade: Callable[[Tensor, Generator], DegradedBatch]
    is_jpeg: bool = False
    gray: bool = False
    kernel: Tensor | None = None


class NetworkBuilder(Protocol):
    """A ``functools.partial`` of a network's class; that type itself admits no subclasses."""

    @property
    def func(self) -> Callable[..., Restorer]: ...
    @property
    def keywords(self) -> dict[str, Any]: ...
    def __call__(self) -> Restorer: ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """One pretrained network and everything needed to train, load, run and evaluate it.

    Attributes:
        build: Constructor of the network, a ``functools.partial`` so that its arguments can be
            inspected.
        degrade: Random degradation for training, from ``(clean, generator)`` to
            ``DegradedBatch``.
        scale: Output side / input side.
        controls: Values that a visitor may set.
        benchmark_cases: Fixed degradations for evaluation; their mean selects the checkpoint.
        baseline: Classical method of the task, from ``(degraded, sigma of the case)`` to image.
        baseline_name: Name of the baseline in tables.
        tile_pixels: Largest tile, in pixels of the degraded picture: small enough for a quick
            Stop and little memory, large enough that overlaps cost little (a picture of a
            megapixel is not cut at all).
        tile_context: Pixels discarded at each inner tile edge: at least the effective
            receptive-field radius, so that seams are invisible.
        y_channel_metric: Whether PSNR is taken on Y with ``scale`` pixels of border cut off, as the
            papers on upscaling do, instead of on RGB.
        recipe: Configuration of its training.
    """

    build: NetworkBuilder
    degrade: Callable[[Tensor, Generator], DegradedBatch]
    scale: int = 1
    controls: tuple[Control, ...] = ()
    benchmark_cases: tuple[BenchmarkCase, ...]
    baseline: Callable[[Tensor, Tensor | None], Tensor]
    baseline_name: str
    tile_pixels: int = 1_100_000
    tile_context: int = CONTEXT
    y_channel_metric: bool = False
    recipe: Recipe = Recipe()

    @property
    def guided(self) -> bool:
        """Whether the condition of the network is a guide, see ``restoration.guide``."""
        return bool(self.build.keywords.get("guided"))

    @property
    def estimator(self) -> str | None:
        """Name of the network that estimates this task's condition, or None.

        The condition is a blur kernel or a noise level; ``restoration.weights.ESTIMATORS`` has the
        networks.
        """
        if self.guided:
            return "blur_reader"
        return "noise_reader" if self.build.keywords.get("noise_level_map") else None

    def describe(self) -> dict[str, str]:
        """Return network and recipe as text for the header of a weights file."""
        network = {"class": self.build.func.__name__, **self.build.keywords}
        return {
            "network": json.dumps(network, sort_keys=True),
            "recipe": json.dumps(dataclasses.asdict(self.recipe), sort_keys=True),
        }


def _blur_case(name: str, kernel: Tensor, jpeg_quality: int | None = None) -> BenchmarkCase:
    degrade = partial(task_degradations.fixed_blur, kernel=kernel, jpeg_quality=jpeg_quality)
    return BenchmarkCase(
        name=name, degrade=degrade, is_jpeg=jpeg_quality is not None, kernel=kernel
    )


def _upscale(scale: int, *, channels: int, blocks: int, patch: int) -> Task:
    return Task(
        build=partial(DeconvUpscaler, channels=channels, blocks=blocks, scale=scale),
        degrade=partial(task_degradations.random_downscale, scale=scale),
        scale=scale,
        benchmark_cases=(
            BenchmarkCase(
                name=f"bicubic 1/{scale}",
                degrade=partial(task_degradations.bicubic_downscale, scale=scale),
            ),
            BenchmarkCase(
                name=f"bicubic 1/{scale}, JPEG {EVAL_JPEG_QUALITY}",
                degrade=partial(
                    task_degradations.bicubic_downscale, scale=scale, jpeg_quality=EVAL_JPEG_QUALITY
                ),
                is_jpeg=True,
            ),
        ),
        baseline=partial(bicubic, scale=scale),
        baseline_name="bicubic",
        tile_pixels=270_000 if scale == 2 else 135_000,
        # The first convolution, those of the blocks, and at most three pixels of upsampling.
        tile_context=2 * blocks + 4,
        y_channel_metric=True,
        recipe=Recipe(patch=patch, margin=4),
    )


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "denoise": Task(
            build=partial(
                DeconvUNet,
                widths=(32, 64, 128, 192),
                blocks=(2, 2, 2, 4),
                noise_level_map=True,
                bias=False,
            ),
            degrade=task_degradations.random_noise,
            controls=(
                Control(
                    name="sigma",
                    minimum=0,
                    maximum=75 / 255,
                    step=1 / 255,
                    default=None,
                    shown_per_unit=255,
                ),
            ),
            benchmark_cases=(
                *(
                    BenchmarkCase(
                        name=f"sigma {level}",
                        degrade=partial(task_degradations.fixed_noise, sigma=level / 255),
                    )
                    for level in (15, 25, 50)
                ),
                BenchmarkCase(
                    name="grey, sigma 25",
                    degrade=partial(task_degradations.fixed_noise, sigma=25 / 255),
                    gray=True,
                ),
                *(
                    BenchmarkCase(
                        name=name,
                        degrade=partial(
                            task_degradations.fixed_camera_noise, shot=shot, quality=quality
                        ),
                        is_jpeg=quality is not None,
                    )
                    for name, shot, quality in (
                        ("camera, little light", 1e-3, None),
                        ("camera, hardly any light", 6e-3, None),
                        ("camera, little light, JPEG 90", 1e-3, 90),
                    )
                ),
            ),
            baseline=wavelet_denoise,
            baseline_name="wavelet (BayesShrink, told sigma)",
            # What the deepest levels see is wider than 64 pixels; a resize takes the margin.
            recipe=Recipe(patch=96, batch=4, margin=33, grey_share=GRAY_PROB, reduced_share=0.7),
        ),
        "deblur": Task(
            build=partial(
                DeconvUNet,
                widths=(32, 64, 128, 192),
                blocks=(2, 2, 2, 4),
                guided=True,
                bias=False,
            ),
            degrade=task_degradations.random_blur,
            controls=(Control(name="amount", minimum=0, maximum=1, step=0.05, default=1.0),),
            benchmark_cases=(
                _blur_case("Gaussian 1.0", degradations.gaussian_kernel(1.0)),
                _blur_case("motion 9 px", degradations.motion_kernel(9, 0.5)),
                _blur_case("Gaussian 1.6", degradations.gaussian_kernel(1.6)),
                _blur_case(
                    f"Gaussian 1.6, JPEG {EVAL_JPEG_QUALITY}",
                    degradations.gaussian_kernel(1.6),
                    EVAL_JPEG_QUALITY,
                ),
                _blur_case("Gaussian 2.4", degradations.gaussian_kernel(2.4)),
                _blur_case("motion 15 px", degradations.motion_kernel(15, 2.0, 0.8)),
                _blur_case("defocus 3 px", degradations.defocus_kernel(3.0)),
                BenchmarkCase(
                    name="left half motion 9 px, right half sharp",
                    degrade=partial(
                        task_degradations.half_image_blur, kernel=degradations.motion_kernel(9, 0.5)
                    ),
                ),
            ),
            baseline=unsharp_mask,
            baseline_name="unsharp mask",
            # The network looks for edges around, which reveal the blur; with 24 pixels, up to 1 %
            # of the values of a photo moved by 2 to 6 levels where tiles meet, with 48 none did.
            tile_context=48,
            recipe=Recipe(
                patch=96, batch=4, context=160, margin=degradations.BLUR_KERNEL_SIZE // 2
            ),
        ),
        "upscale_x2": _upscale(2, channels=64, blocks=6, patch=48),
        "upscale_x4": _upscale(4, channels=64, blocks=8, patch=48),
    }
)
