"""One tile through a network: the condition, the border, flips and turns, the number format."""

import threading
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.malloc import trim_when_idle
from deconv_demo.networks import QuantizedNetwork, Restorer
from deconv_demo.restoration.condition import Condition, level_map

# One tile at a time on the whole machine: two networks side by side on two cores would finish
# no sooner and need twice the memory. Held for a tile, never across a yield, so that a
# visitor who leaves cannot keep it.
one_tile_at_a_time = threading.BoundedSemaphore(1)

# The fewest pixels that are mirrored around a tile. The convolutions pad with zeros, which on flat
# strong colours showed as a rim of up to 14 levels; with this margin it is below two.
_LEAST_MARGIN = 4
# The symmetries of the square: quarter turns, each as it is and mirrored.
SYMMETRIES = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))


@dataclass(kw_only=True)
class TileRunner:
    """Runs a network on tiles as ``run_in_tiles`` hands them out.

    Attributes:
        model: Network, ready for inference.
        device: Where it lies.
        dtype: Number format that was chosen for it.
        scale: Output side / input side.
        condition: What it is told of the picture.
        careful: Whether to average the results of all eight flips and turns of a tile.
        has_fallen_back: Gets one entry per tile: whether it was done in float32 instead of 8 bits.
    """

    model: Restorer | QuantizedNetwork
    device: torch.device
    dtype: torch.dtype
    scale: int
    condition: Condition
    careful: bool
    has_fallen_back: list[bool]

    def __call__(self, tile: np.ndarray) -> np.ndarray:
        """Return the restored tile.

        Args:
            tile: ``(h, w, 3)`` uint8, or 6 channels with a guide.

        Returns:
            ``(h * scale, w * scale, 3)`` float32 on ``[0, 255]``, not rounded.
        """
        given = (
            torch.from_numpy(tile).to(self.device).permute(2, 0, 1).unsqueeze(0).float().div(255)
        )
        passes = len(self.has_fallen_back)
        if not self.careful:
            restored = self._restore(given)
        else:
            restored = torch.zeros(())
            for turns, mirrored in SYMMETRIES:
                turned = self._restore(turn(given, turns, mirrored=mirrored))
                restored = restored + turn_back(turned, turns, mirrored=mirrored)
            restored = restored / len(SYMMETRIES)
            self.has_fallen_back[passes:] = [any(self.has_fallen_back[passes:])]
        trim_when_idle()
        return restored[0].permute(1, 2, 0).mul(255).cpu().numpy()

    def _restore(self, given: Tensor) -> Tensor:
        margin = max(int(self.model.size_multiple), _LEAST_MARGIN)
        padded = mirror_around(given, margin)
        image, *condition = padded.split(3, dim=1)
        if self.condition.level is not None:
            condition = [level_map(image, self.condition)]
        with (
            one_tile_at_a_time,
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16),
        ):
            restored = self.model(image.contiguous(memory_format=torch.channels_last), *condition)
            self.has_fallen_back.append(getattr(self.model, "has_fallen_back", False))
        cut = margin * self.scale
        return restored[..., cut:-cut, cut:-cut]


def mirror_around(image: Tensor, margin: int) -> Tensor:
    """Mirror ``(B, C, H, W)`` over its borders; a picture too small for that repeats its border.

    >>> mirror_around(torch.tensor([[[[1.0, 2.0, 3.0]]]]), 1)[0, 0, 0].tolist()
    [1.0, 1.0, 2.0, 3.0, 3.0]
    """
    mode = "reflect" if min(image.shape[-2:]) > margin else "replicate"
    return F.pad(image, (margin,) * 4, mode=mode)


def turn(image: Tensor, turns: int, *, mirrored: bool) -> Tensor:
    """Mirror ``(B, C, H, W)`` from left to right, or not, and turn it by ``turns`` quarters."""
    return torch.rot90(image.flip(-1) if mirrored else image, turns, (-2, -1))


def turn_back(image: Tensor, turns: int, *, mirrored: bool) -> Tensor:
    """Undo ``turn``.

    >>> image = torch.rand(1, 3, 4, 5)
    >>> all(
    ...     torch.equal(turn_back(turn(image, t, mirrored=m), t, mirrored=m), image)
    ...     for t, m in SYMMETRIES
    ... )
    True
    """
    upright = torch.rot90(image, -turns, (-2, -1))
    return upright.flip(-1) if mirrored else upright
