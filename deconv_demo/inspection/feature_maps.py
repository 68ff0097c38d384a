"""Feature maps of a network: recording, statistics, and an order by energy."""

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# Adding and removing hooks is not atomic in PyTorch: all ids come from one counter.
HOOKS = threading.Lock()


@contextmanager
def record_feature_maps(
    model: nn.Module, layer_names: Sequence[str]
) -> Iterator[dict[str, Tensor]]:
    """Collect the outputs of named layers in the forward passes made inside the context.

    Only passes of the thread that entered are recorded, so that several threads can record one
    shared model at a time. The hooks are gone on exit, also after an error.

    Args:
        model: The network, which is not changed.
        layer_names: Dotted module names, as ``summarize_layers`` returns them.

    Yields:
        Layer name to its last output, ``(B, C, h, w)``: a float32 copy on the CPU, contiguous,
        detached, and no inference tensor.

    Raises:
        ValueError: The model has no layer of that name.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3))
    >>> with record_feature_maps(model, ["0"]) as maps:
    ...     _ = model(torch.zeros(1, 3, 6, 6))
    >>> maps["0"].shape
    torch.Size([1, 8, 4, 4])
    """
    maps: dict[str, Tensor] = {}
    thread = threading.get_ident()

    def hook_for(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
            if threading.get_ident() == thread:
                # A copy made in inference mode could never be edited or run on with gradients.
                with torch.inference_mode(False), torch.no_grad():
                    maps[name] = output.detach().to(
                        "cpu", torch.float32, copy=True, memory_format=torch.contiguous_format
                    )

        return hook

    layers = find_layers(model, layer_names)
    with HOOKS:
        handles = [layer.register_forward_hook(hook_for(name)) for name, layer in layers.items()]
    try:
        yield maps
    finally:
        with HOOKS:
            for handle in handles:
                handle.remove()


def energy(maps: Tensor) -> Tensor:
    """Return the mean of squares of each channel, ``(C,)``, for ``(C, h, w)``.

    Raises:
        ValueError: There is a batch dimension, or one is missing.

    >>> energy(torch.tensor([[[3.0, -4.0]], [[1.0, 1.0]]])).tolist()
    [12.5, 1.0]
    """
    if maps.dim() != 3:
        raise ValueError(
            f"energy needs the maps of one picture, (C, h, w), got {tuple(maps.shape)}"
        )
    return maps.float().square().mean(dim=(1, 2))


def order_by_energy(maps: Tensor) -> list[int]:
    """Return the channels of ``(C, h, w)``, strongest first, equals in their own order."""
    return torch.argsort(energy(maps), descending=True, stable=True).tolist()


def is_signed(maps: Tensor) -> bool:
    """Return whether any value is below zero, so that colours must show the sign."""
    return bool((maps < 0).any())


def describe_map(feature_map: Tensor) -> dict[str, float]:
    """Return summary statistics of one map.

    Args:
        feature_map: ``(h, w)``.

    Returns:
        ``min``, ``max``, ``mean``, ``std`` (of these pixels, without Bessel's correction),
        ``dead`` (fraction of pixels that are exactly zero, as a ReLU makes of negative ones) and
        ``energy`` (mean of squares).

    >>> describe_map(torch.tensor([[0.0, 2.0]]))
    {'min': 0.0, 'max': 2.0, 'mean': 1.0, 'std': 1.0, 'dead': 0.5, 'energy': 2.0}
    """
    values = feature_map.double()
    return {
        "min": values.min().item(),
        "max": values.max().item(),
        "mean": values.mean().item(),
        "std": values.std(correction=0).item(),
        "dead": (values == 0).double().mean().item(),
        "energy": values.square().mean().item(),
    }


def find_layers(model: nn.Module, layer_names: Sequence[str]) -> dict[str, nn.Module]:
    """Return the modules of these names; a module in two places is found under both names.

    Raises:
        ValueError: The model has no layer of a name.
    """
    layers = dict(model.named_modules(remove_duplicate=False))
    for name in layer_names:
        if not name or name not in layers:
            close = difflib.get_close_matches(name, layers, n=3) or list(layers)[1:4]
            raise ValueError(
                f"this network has no layer {name!r}; did you mean one of {', '.join(close)}?"
            )
    return {name: layers[name] for name in layer_names}
