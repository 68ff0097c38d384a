"""Find, check and load the weights of the networks, strictly."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from deconv_demo.estimation import BlurKernelEstimator, NoiseLevelEstimator
from deconv_demo.networks import (
    Restorer,
    WeightsError,
    build_upsamplers,
    read_ranges,
    read_tensors,
    sha256,
)
from deconv_demo.tasks import TASKS

WEIGHTS_DIR = Path(
    os.environ.get("DECONV_LAB_WEIGHTS") or Path(__file__).resolve().parents[2] / "weights"
)
# A model repository on the Hugging Face Hub as a fallback, "owner/name" or "owner/name@revision".
# If it is unset, nothing is ever downloaded.
HUB_REPOSITORY = os.environ.get("DECONV_LAB_HUB", "")
UPSAMPLERS_FILE = "upsamplers.safetensors"
RANGES_FILE = "ranges.safetensors"
# Networks that estimate a condition from a picture; each name is also that of a file, a command and
# an entry of metrics.json.
ESTIMATORS = {
    "blur_reader": BlurKernelEstimator,
    "noise_reader": NoiseLevelEstimator,
    "jpeg_reader": NoiseLevelEstimator,
}

_FOR_AN_HOUR = "--data FOLDER_OF_PHOTOS --minutes 60"
_trusted = False


def find_weights(task_id: str) -> Path:
    """Return the weights file of a task, from the folder ``weights/`` or else from the Hub.

    Raises:
        WeightsError: There is none.
    """
    return _find(f"{task_id}.safetensors", f"train {task_id} {_FOR_AN_HOUR}")


def find_estimator(name: str) -> Path:
    """Return the weights file of one of the ``ESTIMATORS``, from the folder or else from the Hub.

    Raises:
        WeightsError: There is none.
    """
    return _find(f"{name}.safetensors", f"{name} {_FOR_AN_HOUR}")


def _find(name: str, command: str) -> Path:
    path = WEIGHTS_DIR / name
    if path.is_file():
        return path
    if HUB_REPOSITORY:
        from huggingface_hub import hf_hub_download

        repository, _, revision = HUB_REPOSITORY.partition("@")
        try:
            return Path(hf_hub_download(repository, path.name, revision=revision or None))
        except OSError as error:
            raise WeightsError(
                f"The weights {path.name} are neither in the folder weights/ nor could they "
                f"be fetched from {repository}. Check the connection, or put the file there."
            ) from error
    raise WeightsError(
        f"The weights {path.name} are missing: weights/{path.name} is not there. Get the "
        f"file from the project's repository, or make it with `python -m deconv_demo.training "
        f"{command}`."
    )


def _find_ranges(weights: Path) -> Path:
    """Return the path of the activation ranges, which lie where the weights were found."""
    if weights.parent != WEIGHTS_DIR:
        with suppress(WeightsError):
            return _find(RANGES_FILE, "ranges --data FOLDER_OF_PHOTOS")
    return WEIGHTS_DIR / RANGES_FILE


@lru_cache(maxsize=len(TASKS))
def load_model(task_id: str) -> Restorer:
    """Build the network of a task with its weights, ready for inference on the CPU.

    Every call returns the same module: leave no hook on it and do not train it. Its attribute
    ``ranges`` holds the result of ``read_ranges``.

    Raises:
        KeyError: ``task_id`` is not in ``TASKS``.
        WeightsError: The file is absent, cut, altered, or made for another network.

    >>> load_model("denoise").training
    False
    """
    model = TASKS[task_id].build()
    path = find_weights(task_id)
    _check_recorded(path, recorded_sha256(task_id), how_to_record=_BY_EVALUATION)
    load_into(model, path)
    model.ranges = read_ranges(_find_ranges(path), task_id, weights=path)
    # Convolutions on a CPU are fastest with the channels of a pixel side by side.
    return model.to(memory_format=torch.channels_last).eval().requires_grad_(False)


@lru_cache(maxsize=1)
def load_upsamplers() -> nn.ModuleDict:
    """Build the six upsamplers of the lab with their weights, ready for inference on the CPU.

    Raises:
        WeightsError: Their file is absent, cut, altered, or made for other networks.

    >>> load_upsamplers()["transposed_4"](torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 16, 16])
    """
    path = _find(UPSAMPLERS_FILE, "upsamplers --data FOLDER_OF_PHOTOS")
    networks = build_upsamplers(seed=0)
    _check_recorded(path, _recorded("upsamplers"), how_to_record=_BY_TRAINING)
    load_into(networks, path)
    return networks.eval().requires_grad_(False)


@lru_cache(maxsize=len(ESTIMATORS))
def load_estimator(name: str) -> nn.Module:
    """Build one of the ``ESTIMATORS`` with its weights, on the CPU.

    Raises:
        KeyError: ``name`` is not in ``ESTIMATORS``.
        WeightsError: The file is absent, cut, altered, or made for another network.

    >>> load_estimator("blur_reader")(torch.zeros(1, 3, 64, 32)).shape
    torch.Size([1, 25, 25])
    """
    estimator = ESTIMATORS[name]()
    path = find_estimator(name)
    _check_recorded(path, _recorded(name), how_to_record=_BY_TRAINING)
    load_into(estimator, path)
    return estimator.eval().requires_grad_(False)


def load_noise_estimator() -> NoiseLevelEstimator:
    """Return ``load_estimator("noise_reader")``, which can say more than other networks."""
    return _load_level_estimator("noise_reader")


def load_jpeg_estimator() -> NoiseLevelEstimator:
    """Return ``load_estimator("jpeg_reader")``, which reads the strength of JPEG artifacts."""
    return _load_level_estimator("jpeg_reader")


def _load_level_estimator(name: str) -> NoiseLevelEstimator:
    estimator = load_estimator(name)
    assert isinstance(estimator, NoiseLevelEstimator)
    return estimator


def load_into(model: nn.Module, path: Path, *, strict: bool = True) -> None:
    """Copy the tensors of a file into ``model``, all of them or none.

    Args:
        model: Network that receives the tensors.
        path: A safetensors file.
        strict: False copies only the tensors that have one shape on both sides, to start a
            network from a related one. Where one side of a convolution has more input channels
            (the noise level of a denoiser, a guide), the first are copied and the rest are zero.

    Raises:
        WeightsError: The file cannot be read, or does not fit the network exactly.
    """
    tensors, own = read_tensors(path), model.state_dict()
    if not strict:
        # Only plain convolutions: the second axis of a transposed one is its output.
        convolutions = {
            f"{name}.weight"
            for name, module in model.named_modules()
            if isinstance(module, nn.Conv2d)
        }
        tensors = {
            name: _with_input_channels(tensor, own[name].shape) if name in convolutions else tensor
            for name, tensor in tensors.items()
        }
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape
    }
    # Checked before anything is copied: PyTorch would copy what fits and then complain.
    if strict and not tensors.keys() == own.keys() == fitting.keys():
        odd = sorted((tensors.keys() | own.keys()) - fitting.keys())
        raise WeightsError(
            f"The weights file {path.name} was made for another network ({len(odd)} tensors do "
            f"not fit, {odd[0]} the first); get the one that belongs to this version."
        )
    model.load_state_dict(fitting, strict=strict)


def _with_input_channels(tensor: Tensor, shape: torch.Size) -> Tensor:
    """Cut the input channels of a convolution's weight, or add zero ones, to fit a shape."""
    fitted = tensor.new_zeros(len(tensor), shape[1], *tensor.shape[2:])
    common = min(shape[1], tensor.shape[1])
    fitted[:, :common] = tensor[:, :common]
    return fitted


def recorded_sha256(task_id: str) -> str | None:
    """Return the SHA-256 that ``weights/metrics.json`` records, None where it has no entry."""
    return _recorded("tasks", task_id)


def _recorded(*keys: str) -> str | None:
    try:
        entry = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
        for key in keys:
            entry = entry[key]
        return entry["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def skip_checksum() -> Iterator[None]:
    """Load weights without checking their SHA-256, while ``metrics.json`` is being made anew."""
    global _trusted
    _clear_caches()
    _trusted = True
    try:
        yield
    finally:
        _trusted = False
        _clear_caches()


def _clear_caches() -> None:
    load_model.cache_clear()
    load_estimator.cache_clear()


_BY_EVALUATION = "measure it: `python -m deconv_demo.training evaluate --data FOLDER_OF_PHOTOS`"
_BY_TRAINING = "let its training write it there, which records it"


def _check_recorded(path: Path, recorded: str | None, *, how_to_record: str) -> None:
    if _trusted:
        return
    if recorded is not None and sha256(path) != recorded:
        raise WeightsError(
            f"The weights file {path.name} is damaged or has been changed: its SHA-256 is not "
            "the one in weights/metrics.json. Get the file again, or, if you trained it yourself, "
            f"{how_to_record}."
        )
