"""The file of how far the numbers inside the networks reach, without which none runs in 8 bits."""

import hashlib
from pathlib import Path

from torch import Tensor

from deconv_demo.quantised import Ranges
from deconv_demo.weight_files import WeightsError, read_header, read_tensors, save_weights, sha256


def read_ranges(path: Path, task_id: str, *, weights: Path) -> dict[str, Ranges] | None:
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
        if read_header(path).get(task_id) != _seal(tensors, weights):
            return None
    except WeightsError:
        return None
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        _, block, end = name.split("/")
        found.setdefault(block, {})[end] = tensor
    return {block: Ranges(**ends) for block, ends in found.items()}


def save_ranges(path: Path, task_id: str, found: dict[str, Ranges], *, weights: Path) -> None:
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
    save_weights(path, tensors | own, header | {task_id: _seal(own, weights)})


def _of_task(task_id: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(f"{task_id}/")}


def _seal(tensors: dict[str, Tensor], weights: Path) -> str:
    """Return a SHA-256 of ranges, as a file keeps them, and of the weights they are of."""
    digest = hashlib.sha256(sha256(weights).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].half().numpy().tobytes())
    return digest.hexdigest()
