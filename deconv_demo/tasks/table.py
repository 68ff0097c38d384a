"""The table of tasks: one frozen entry defines how to train, load, run and evaluate a network."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from torch import Generator, Tensor

from deconv_demo import degradations
from deconv_demo.classical import bicubic, reapply_jpeg, unsharp_mask, wavelet_denoise
from deconv_demo.controls import Control
from deconv_demo.degradations import GRAY_PROB, task_degradations
from deconv_demo.networks import DeconvUNet, DeconvUpscaler
from deconv_demo.tasks.definition import BenchmarkCase, Recipe, Task

# Quality of the JPEG files in the benchmark cases.
EVAL_JPEG_QUALITY = 75

# How much of what the network changed is taken: 1 is all, 0 the picture as it came.
_AMOUNT = Control(name="amount", minimum=0, maximum=1, step=0.05, default=1.0)


def _blur_case(name: str, kernel: Tensor, jpeg_quality: int | None = None) -> BenchmarkCase:
    degrade = partial(task_degradations.fixed_blur, kernel=kernel, jpeg_quality=jpeg_quality)
    return BenchmarkCase(
        name=name, degrade=degrade, is_jpeg=jpeg_quality is not None, kernel=kernel
    )


# The network of the tasks that keep the size of a picture.
_U_NET = partial(DeconvUNet, widths=(32, 64, 128, 192), blocks=(2, 2, 2, 4), bias=False)


def _shake(seed: int) -> Tensor:
    return degradations.random_shake_kernel(Generator().manual_seed(seed))


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
            build=partial(_U_NET, noise_level_map=True),
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
                Control(name="strength", minimum=0, maximum=2, step=0.05, default=1.0),
                _AMOUNT,
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
            build=partial(_U_NET, guided=True),
            degrade=task_degradations.random_blur,
            controls=(_AMOUNT,),
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
                _blur_case("shake 13 px", _shake(1)),
                _blur_case("shake 20 px", _shake(11)),
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
                patch=96, batch=4, context=160, margin=degradations.SHAKE_KERNEL_SIZE // 2
            ),
        ),
        "jpeg": Task(
            build=partial(_U_NET, noise_level_map=True),
            degrade=task_degradations.random_jpeg_files,
            controls=(
                Control(name="quality", minimum=5, maximum=100, step=1, default=None),
                _AMOUNT,
            ),
            benchmark_cases=tuple(
                BenchmarkCase(
                    name=name,
                    degrade=partial(task_degradations.fixed_jpeg, qualities=qualities),
                    is_jpeg=len(qualities) == 1,
                )
                for name, qualities in (
                    *((f"quality {quality}", (quality,)) for quality in (10, 20, 40, 75, 95)),
                    ("quality 10, cropped, then 50", (10, 50)),
                )
            ),
            baseline=reapply_jpeg,
            baseline_name="JPEG applied again, shifted (Nosratinia)",
            y_channel_metric=True,
            recipe=Recipe(patch=96, batch=4, grey_share=GRAY_PROB, luma_share=0.5),
        ),
        "upscale_x2": _upscale(2, channels=64, blocks=6, patch=48),
        "upscale_x4": _upscale(4, channels=64, blocks=8, patch=48),
    }
)
