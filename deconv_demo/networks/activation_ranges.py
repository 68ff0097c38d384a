"""How far the numbers inside a network reach, without which it does not run in 8 bits."""

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

# Other pictures reach further than those that were measured.
HEADROOM = 1.15
# A channel that was hardly used may be used by another picture; this share of the widest
# channel's range costs it little precision.
MIN_RELATIVE_RANGE = 0.1


@dataclass(frozen=True, kw_only=True)
class ActivationRange:
    """How far the numbers of one residual block reach, each of shape ``(channels,)``.

    Attributes:
        low, high: Of what goes into the block.
        hidden: The largest after the ReLU between its convolutions.
    """

    low: Tensor
    high: Tensor
    hidden: Tensor

    def with_headroom(self) -> "ActivationRange":
        """Return ranges that contain zero, with room for other pictures."""
        low, high = self.low.clamp(max=0) * HEADROOM, self.high.clamp(min=0) * HEADROOM
        hidden = self.hidden.clamp(min=0) * HEADROOM
        floor = max(float((high - low).max()) * MIN_RELATIVE_RANGE, 1e-6)
        lacking = (floor - (high - low)).clamp(min=0) / 2
        least = max(float(hidden.max()) * MIN_RELATIVE_RANGE, 1e-6)
        return ActivationRange(
            low=low - lacking, high=high + lacking, hidden=hidden.clamp(min=least)
        )


def calibrate(model: nn.Module, examples: Iterable[Sequence[Tensor]]) -> dict[str, ActivationRange]:
    """Run a network and note how far the numbers in its residual blocks reach.

    Args:
        model: In float32.
        examples: What its forward pass takes, once for each picture.

    Returns:
        By the name of the block.
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
    """Return how far the numbers inside a network reach, by block, for running it in 8 bits.

    Args:
        path: Their file.
        task_id: Of the network.
        weights: Its file; ranges that were measured of another are of no use.

    Returns:
        None where there are none for these weights: then the network runs in floating point.
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
    """Write the ranges of a network for ``read_ranges``, beside those of others.

    Args:
        path: The file; what is in it of other tasks stays.
        task_id: Of the network.
        found: By block.
        weights: The file of the network that they were measured of.

    Raises:
        WeightsError: ``path`` is there and no such file.
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
    """Return a SHA-256 of ranges, as a file keeps them, and of the weights they are of."""
    digest = hashlib.sha256(sha256(weights).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].half().numpy().tobytes())
    return digest.hexdigest()
