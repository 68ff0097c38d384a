"""Effective receptive fields of pixels, and units of feature maps projected back to the picture.

A guided network has two pictures as input; its receptive field is that of both together.

References:
    Luo, Li, Urtasun and Zemel 2016, "Understanding the Effective Receptive Field in Deep
    Convolutional Neural Networks". Zeiler and Fergus 2014, "Visualizing and Understanding
    Convolutional Networks".
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.function import FunctionCtx
from torch.overrides import TorchFunctionMode

from deconv_demo.inspection.layer_stats import Trace
from deconv_demo.networks import weight_sharing_copy

# Methods to project a unit back to the picture.
PROJECTIONS = ("deconvnet", "gradient")
_RELUS = {F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}


def effective_receptive_field(
    model: nn.Module, inputs: Sequence[Tensor], *, row: int, column: int
) -> Tensor:
    """Return how much one output pixel changes with each pixel of the input.

    The model is left without gradients or hooks.

    Args:
        model: Any network.
        inputs: Arguments of its forward pass, the picture first: ``(1, C, H, W)``.
        row, column: Pixel of the output.

    Returns:
        ``(H, W)`` float32, zero where the output pixel does not depend on the input pixel.

    Raises:
        ValueError: The output has no such pixel.

    Notes:
        ``R(p) = sum_c |d mean_k y_k(q) / d x_c(p)|`` for output pixel ``q`` and input pixels
        ``p``, the absolute gradient that Luo et al. 2016 call the effective receptive field.

    >>> layer, image = nn.Conv2d(3, 8, 3), torch.rand(1, 3, 9, 9)
    >>> seen = effective_receptive_field(layer, [image], row=0, column=4)
    >>> seen.nonzero().amin(dim=0).tolist(), seen.nonzero().amax(dim=0).tolist()
    ([0, 4], [2, 6])
    """
    with torch.inference_mode(False), torch.enable_grad():
        given, pictures = _differentiable(inputs)
        restored = differentiable_copy(model)(*given)
        _check_pixel(restored, row, column, "the output")
        gradients = torch.autograd.grad(restored[0, :, row, column].mean(), pictures)
    return torch.cat(gradients, dim=1)[0].abs().sum(dim=0)


def influence_map(model: nn.Module, inputs: Sequence[Tensor], *, row: int, column: int) -> Tensor:
    """Return how much each pixel of the output changes with one pixel of the input.

    This is the reverse of ``effective_receptive_field``, by one pass in forward mode.

    Args:
        model, inputs: As for ``effective_receptive_field``.
        row, column: Pixel of the input.

    Returns:
        ``(H', W')`` float32 of the output's size: absolute derivatives, averaged over the
        channels of each output pixel.

    Raises:
        ValueError: The input has no such pixel.

    Notes:
        ``I(q) = mean_k |sum_c d y_k(q) / d x_c(p)|`` for input pixel ``p`` and output pixels ``q``.

    >>> reach = influence_map(nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1),
    ...                         [torch.rand(1, 3, 5, 5)], row=2, column=0)
    >>> reach.nonzero().amin(dim=0).tolist(), reach.nonzero().amax(dim=0).tolist()
    ([3, 0], [6, 2])
    """
    _check_pixel(inputs[0], row, column, "the input")
    with torch.inference_mode(False), torch.no_grad(), forward_ad.dual_level():
        direction = torch.zeros_like(inputs[0])
        direction[0, :, row, column] = 1
        given = [
            forward_ad.make_dual(value.detach().clone(), direction) if value.dim() == 4 else value
            for value in inputs
        ]
        restored = differentiable_copy(model)(*given)
        change = forward_ad.unpack_dual(restored).tangent
        if change is None:  # the output does not depend on the picture
            change = torch.zeros_like(restored)
        return change[0].abs().mean(dim=0).clone()


def influence_window(
    model: nn.Module, layer_name: str, *inputs: Tensor, row: int, column: int
) -> tuple[range, range] | None:
    """Return the rows and columns of a layer's output that one input pixel can affect.

    This is the reverse of ``layer_stats.receptive_window``, and as exact: all output pixels whose
    window contains the input pixel.

    Args:
        model: Any network of convolutions.
        layer_name: Name of a layer from ``summarize_layers``.
        inputs: Arguments of its forward pass, only the shapes of which matter.
        row, column: Pixel of the input.

    Returns:
        Rows and columns inside the output, empty where nothing is affected; None where a
        window is unknown.

    Raises:
        ValueError: The model has no such layer, or did not call it.

    >>> influence_window(nn.Sequential(nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1)), "0",
    ...              torch.zeros(1, 3, 5, 5), row=2, column=0)
    (range(3, 7), range(0, 3))
    """
    trace = Trace(model, inputs)
    if layer_name not in trace.outputs:
        raise ValueError(f"no feature map is made at a layer {layer_name!r} of this network")
    sides = []
    for axis, position in enumerate((row, column)):
        count = trace.outputs[layer_name][0][2 + axis]
        if (window := trace.window(layer_name, np.arange(count), axis)) is None:
            return None
        (touched,) = np.nonzero((window[0] <= position) & (position <= window[1]))
        sides.append(range(int(touched[0]), int(touched[-1]) + 1) if len(touched) else range(0))
    return sides[0], sides[1]


def backproject_unit(
    model: nn.Module,
    inputs: Sequence[Tensor],
    layer_name: str,
    *,
    channel: int,
    row: int,
    column: int,
    method: str,
) -> Tensor:
    """Project one unit of a feature map back to the picture.

    Args:
        model, inputs: As for ``effective_receptive_field``.
        layer_name: Name of the layer.
        channel, row, column: Position of the unit.
        method: "gradient" gives the gradient of the unit's value. "deconvnet" gives the
            projection of Zeiler and Fergus 2014: the unit's own value goes back through the
            same layers transposed, and every ReLU passes the positive part of that signal,
            whether or not it was active in the forward pass.

    Returns:
        ``(C, H, W)`` float32 of the picture's shape, signed: a direction that raises the unit.

    Raises:
        ValueError: The network has no such layer, the layer no such unit, or there is no such
            method.

    >>> unit = {"channel": 3, "row": 2, "column": 2, "method": "gradient"}
    >>> network, image = nn.Sequential(nn.Conv2d(3, 8, 3)), torch.rand(1, 3, 9, 9)
    >>> backproject_unit(network, [image], "0", **unit).shape
    torch.Size([3, 9, 9])
    """
    if method not in PROJECTIONS:
        raise ValueError(f"method is one of {', '.join(PROJECTIONS)}, not {method!r}")
    deconvnet = method == "deconvnet"
    copied = differentiable_copy(model)
    try:
        layer = copied.get_submodule(layer_name)
    except AttributeError as error:
        raise ValueError(f"this network has no layer {layer_name!r}") from error

    def stop(_module: nn.Module, _given: tuple, output: Tensor) -> None:
        raise _StopForward(output)

    layer.register_forward_hook(stop)
    with torch.inference_mode(False), torch.enable_grad(), _BackwardRelu(deconvnet):
        given, pictures = _differentiable(inputs)
        try:
            copied(*given)
        except _StopForward as reached:
            maps = reached.maps
        else:
            raise ValueError(f"the layer {layer_name!r} is not called")
        _check_pixel(maps, row, column, layer_name)
        if not 0 <= channel < maps.shape[1]:
            raise ValueError(f"{layer_name} has {maps.shape[1]} channels, not {channel}")
        unit = maps[0, channel, row, column]
        signal = unit.detach() if deconvnet else torch.ones_like(unit)
        projections = torch.autograd.grad(unit, pictures, signal)
    return torch.stack(projections).sum(dim=0)[0]


def _differentiable(inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return copies of the arguments of a forward pass, and those of them that are pictures."""
    given = [value.detach().clone() for value in inputs]
    return given, [value.requires_grad_() for value in given if value.dim() == 4]


def differentiable_copy(model: nn.Module) -> nn.Module:
    """Return a copy for autograd, with new weights where they were loaded in inference mode."""
    copied = weight_sharing_copy(model)
    with torch.inference_mode(False):
        for module in copied.modules():
            module._parameters = {
                name: nn.Parameter(tensor.clone(), requires_grad=False)
                if tensor is not None and tensor.is_inference()
                else tensor
                for name, tensor in module._parameters.items()
            }
    return copied


class _StopForward(Exception):
    """The layer has been computed, and the layers after it are not needed."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = maps


class _DeconvnetRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx: FunctionCtx, signal: Tensor) -> Tensor:
        return signal.clamp(min=0)


class _BackwardRelu(TorchFunctionMode):
    """A mode that gives every ReLU of this thread, module or function, the deconvnet's backward."""

    def __init__(self, deconvnet: bool) -> None:
        super().__init__()
        self.deconvnet = deconvnet

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if self.deconvnet and func in _RELUS:
            return _DeconvnetRelu.apply(args[0] if args else kwargs["input"])
        return func(*args, **kwargs)


def _check_pixel(maps: Tensor, row: int, column: int, what: str) -> None:
    height, width = maps.shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"{what} is {height} rows of {width}, it has no pixel ({row}, {column})")
