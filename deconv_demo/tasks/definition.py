"""What a task consists of: network, degradation, benchmark cases, controls, recipe."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor

from deconv_demo.controls import Control, ControlValues
from deconv_demo.degradations import DegradedBatch, jpeg_level, jpeg_quality
from deconv_demo.networks import Restorer

# Pixels discarded at each inner edge of a tile, unless a task sets its own.
CONTEXT = 24


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
        luma_share: Share of the loss that is taken on Y alone, which eyes see most of, and which
            tasks with ``y_channel_metric`` are measured by.
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
    luma_share: float = 0.0


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

        The condition is a blur kernel, a noise level or that of JPEG artifacts;
        ``restoration.weights.ESTIMATORS`` has the networks.
        """
        if self.guided:
            return "blur_reader"
        if not self.build.keywords.get("noise_level_map"):
            return None
        return "jpeg_reader" if self._has("quality") else "noise_reader"

    def level_controls(self, level: float) -> ControlValues:
        """Return the control that tells a network with a noise-level map a strength.

        >>> from deconv_demo.tasks import TASKS
        >>> TASKS["denoise"].level_controls(0.1)
        {'sigma': 0.1}
        """
        if self._has("quality"):
            return {"quality": min(max(jpeg_quality(level), 5.0), 100.0)}
        return {"sigma": level} if self._has("sigma") else {}

    def level_of(self, values: Mapping[str, Any]) -> float | None:
        """Return the strength that a network with a noise-level map was told, by its controls.

        >>> from deconv_demo.tasks import TASKS
        >>> TASKS["jpeg"].level_of({"quality": 100})
        0.0
        """
        if self._has("quality"):
            return jpeg_level(values["quality"])
        if not self._has("sigma"):
            return None
        strength = values.get("strength")
        return values["sigma"] * (1.0 if strength is None else strength)

    def _has(self, name: str) -> bool:
        return any(control.name == name for control in self.controls)

    def describe(self) -> dict[str, str]:
        """Return network and recipe as text for the header of a weights file."""
        network = {"class": self.build.func.__name__, **self.build.keywords}
        return {
            "network": json.dumps(network, sort_keys=True),
            "recipe": json.dumps(dataclasses.asdict(self.recipe), sort_keys=True),
        }
