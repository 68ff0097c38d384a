"""Calibrated activation ranges, without which a network runs in floating point, not in 8 bits."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deconv_demo.networks.restorers import ResidualBlock
from deconv_demo.networks.weight_files import (
    WeightsError,
    read_header,
    read_tensors,
    save_weights,
    sha256,
)

# Other pictures have activations beyond those of the calibration pictures.
HEADROOM = 1.15
# Smallest range of a channel, as a fraction of the widest channel's: a channel that calibration
# hardly used may be used by another picture, and the wider range costs it little precision.
MIN_RELATIVE_RANGE = 0.1


@dataclass(frozen=True, kw_only=True)
class ActivationRange:
    """Calibrated range of the activations of one residual block, per channel.

    Attributes:
        low, high: Smallest and largest input of the block, ``(channels,)``.
        hidden: Largest activation after the ReLU between its convolutions, ``(channels,)``.
    """

    low: Tensor
    high: Tensor
    hidden: Tensor

    def with_headroom(self) -> "ActivationRange":
        """Return wider ranges that contain zero and leave room for other pictures."""
        low, high = self.low.clamp(max=0) * HEADROOM, self.high.clamp(min=0) * HEADROOM
        hidden = self.hidden.clamp(min=0) * HEADROOM
        floor = max(float((high - low).max()) * MIN_RELATIVE_RANGE, 1e-6)
        lacking = (floor - (high - low)).clamp(min=0) / 2
        least = max(float(hidden.max()) * MIN_RELATIVE_RANGE, 1e-6)
        return ActivationRange(
            low=low - lacking, high=high + lacking, hidden=hidden.clamp(min=least)
        )


def calibrate(model: nn.Module, examples: Iterable[Sequence[Tensor]]) -> dict[str, ActivationRange]:
    """Run a network on examples and return the activation ranges of its residual blocks.

    Args:
        model: Network in float32.
        examples: Arguments of its forward pass, one sequence for each calibration picture.

    Returns:
        Ranges over all examples, by the name of the block.
    """
    found: dict[str, ActivationRange] = {}
    hooks = []

    def watch(name: str, block: ResidualBlock) -> None:
        def note(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            low, high = inputs[0].amin((0, 2, 3)), inputs[0].amax((0, 2, 3))
            hidden = F.relu(output).amax((0, 2, 3))
            if name in found:
                low = torch.minimum(low, found[name].low)
                high = torch.maximum(high, found[name].high)
                hidden = torch.maximum(hidden, found[name].hidden)
            found[name] = ActivationRange(low=low, high=high, hidden=hidden)

        hooks.append(block.conv1.register_forward_hook(note))

    for name, module in model.named_modules():
        if isinstance(module, ResidualBlock):
            watch(name, module)
    try:
        with torch.inference_mode():
            for inputs in examples:
                model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def read_ranges(path: Path, task_id: str, *, weights: Path) -> dict[str, ActivationRange] | None:
    """Read the activation ranges that a network needs to run in 8 bits.

    Args:
        path: File written by ``save_ranges``.
        task_id: Task whose network is meant.
        weights: Weights file of that network; ranges calibrated with other weights are refused.

    Returns:
        Ranges by the name of the block; None where the file has none for these weights, and the
        network runs in floating point.
    """
    try:
        tensors = _of_task(task_id, read_tensors(path))
        if read_header(path).get(task_id) != _checksum(tensors, weights):
            return None
    except WeightsError:
        return None
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        _, block, end = name.split("/")
        found.setdefault(block, {})[end] = tensor
    return {block: ActivationRange(**ends) for block, ends in found.items()}


def save_ranges(
    path: Path, task_id: str, found: dict[str, ActivationRange], *, weights: Path
) -> None:
    """Write the ranges of a network for ``read_ranges``, beside those of other tasks.

    Args:
        path: File to write; its entries for other tasks stay.
        task_id: Task whose network was calibrated.
        found: Ranges by the name of the block.
        weights: Weights file of the network that was calibrated.

    Raises:
        WeightsError: ``path`` exists and is not a file of ranges.
    """
    header, tensors = {}, {}
    if path.exists():
        header, tensors = read_header(path), read_tensors(path)
    for name in _of_task(task_id, tensors):
        del tensors[name]
    own = {
        f"{task_id}/{block}/{end}": tensor
        for block, ranges in found.items()
        for end, tensor in vars(ranges).items()
    }
    save_weights(path, tensors | own, header | {task_id: _checksum(own, weights)})


def _of_task(task_id: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(f"{task_id}/")}


def _checksum(tensors: dict[str, Tensor], weights: Path) -> str:
    """Return a SHA-256 over ranges, rounded as the file keeps them, and the weights they fit."""
    digest = hashlib.sha256(sha256(weights).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].half().numpy().tobytes())
    return digest.hexdigest()
