"""Weight files: safetensors in float16, with a header that describes the network."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


class WeightsError(RuntimeError):
    """A weights file is absent, damaged, or made for another network."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file as float32 tensors.

    Raises:
        WeightsError: The file cannot be read: it is missing, cut short, or no safetensors file.
    """
    with _readable(path) as file:
        return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118


def read_header(path: Path) -> dict[str, str]:
    """Return the header of a weights file: text about its network, recipe and training.

    Raises:
        WeightsError: The file cannot be read: it is missing, cut short, or no safetensors file.
    """
    with _readable(path) as file:
        return file.metadata() or {}


@contextmanager
def _readable(path: Path) -> Iterator[safe_open]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"The weights file {path.name} cannot be read ({error}). It is cut or no safetensors "
            "file; get it again from the project's repository."
        ) from error


def save_weights(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write float16 weights and move the file into place, so that nobody reads half a file."""
    half = {name: tensor.detach().half().cpu().contiguous() for name, tensor in tensors.items()}
    partial = path.with_suffix(".partial")
    save_file(half, partial, metadata=header)
    partial.chmod(0o644)  # it is made for its owner alone, and weights are for everybody
    os.replace(partial, path)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
