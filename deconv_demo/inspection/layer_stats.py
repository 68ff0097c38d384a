"""Statistics of the layers of a network, from the module itself: shapes, cost, receptive field."""

import graphlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from deconv_demo.inspection.weightless import meta_copy, weightless

_Sliding = nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | nn.AvgPool2d
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_SLIDING = (*_CONVOLUTIONS, nn.MaxPool2d, nn.AvgPool2d)

# Operations that leave every value where it is, by the name of their node in the graph.
_POINTWISE = re.compile(
    "Abs|Add|Alias|Clamp|Clone|Div|Elu|Exp|Gelu|Hardswish|Hardtanh|LeakyRelu|Maximum|Minimum|"
    "Mish|Mul|NativeBatchNorm|Neg|Pow|PreluKernel|Relu|Sigmoid|Silu|Softplus|Sqrt|Sub|Tanh|ToCopy"
)
_PADDING = {"ConstantPadNd": "pad", "ReflectionPad2D": "padding", "ReplicationPad2D": "padding"}


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """Statistics of one layer of a network in one forward pass.

    Attributes:
        name: Dotted module name, for instance ``"encoder.0.1.conv1"``.
        kind: ``"conv"``, ``"transposed_conv"``, or ``"block"``: a module that computes something
            of its own from the convolutions in it, as a residual block does.
        channels, height, width: Shape of its output.
        parameters: Number of parameters of the layer and everything inside it.
        macs: Multiply-accumulates of the convolutions in it, for all inputs of the batch.
        kernel_size, stride: Longer side for a convolution; None for a block.
        receptive_field: Side of the square of input pixels that one output pixel depends on, on
            a picture without borders; the largest, where it depends on the place of the output
            pixel in the grid of a transposed convolution. None after an operation that this
            count does not follow (pooling over the whole picture, resampling).
    """

    name: str
    kind: str
    channels: int
    height: int
    width: int
    parameters: int
    macs: int
    kernel_size: int | None
    stride: int | None
    receptive_field: int | None


def summarize_layers(model: nn.Module, *inputs: Tensor) -> list[LayerFacts]:
    """List every convolution, transposed convolution and block in order of execution.

    A weightless copy runs once on the meta device: nothing is computed, the model itself is not
    touched, and the cost is some milliseconds. A layer that is called several times is listed
    at its last call, with the multiply-accumulates of all of them. A block follows
    its contents. ``nn.Sequential`` is left out: its output is that of its last member.

    Args:
        model: Any network of convolutions.
        inputs: Arguments of its forward pass, only the shapes of which matter.

    >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 3, 2, stride=2))
    >>> [(layer.kind, layer.width) for layer in summarize_layers(pair, torch.zeros(1, 3, 10, 10))]
    [('conv', 10), ('transposed_conv', 20)]
    """
    trace = Trace(model, inputs)
    return trace.layers()


def receptive_window(
    model: nn.Module, layer_name: str, *inputs: Tensor, row: int, column: int
) -> tuple[range, range] | None:
    """Return the rows and columns of the input on which one output pixel of a layer depends.

    The result is exact, and a hull where kernels leave holes (by dilation, or by being smaller
    than a transposed convolution's stride). It assumes a picture without borders, so both
    ranges may extend beyond the picture.

    Args:
        model: Any network of convolutions.
        layer_name: Name of a layer from ``summarize_layers``.
        inputs: Arguments of its forward pass, only the shapes of which matter.
        row, column: Pixel of the layer's output.

    Returns:
        Rows and columns; None where ``LayerFacts.receptive_field`` is None.

    Raises:
        ValueError: The model has no such layer, or did not call it.

    >>> receptive_window(nn.Sequential(nn.Conv2d(3, 8, 3)), "0", torch.zeros(1, 3, 9, 9),
    ...                  row=0, column=4)
    (range(0, 3), range(4, 7))
    """
    trace = Trace(model, inputs)
    if layer_name not in trace.outputs:
        raise ValueError(f"no feature map is made at a layer {layer_name!r} of this network")
    sides = []
    for axis, position in enumerate((row, column)):
        if (window := trace.window(layer_name, np.array([position]), axis)) is None:
            return None
        sides.append(range(int(window[0][0]), int(window[1][0]) + 1))
    rows, columns = sides
    return rows, columns


class Trace:
    """A pass without data: shapes, costs, and the graph that autograd records of it.

    The graph holds which operation consumed which, branches and skip connections included, for
    any Python code in a forward pass.

    Args:
        model: Any network of convolutions.
        inputs: Arguments of its forward pass, only the shapes of which matter.

    Attributes:
        outputs: Layer name to the shape of its output and the operation that produced it, in
            order of execution; the whole network is ``""``.
        reverse_topological: All autograd nodes, consumers before producers.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[Tensor]) -> None:
        self.outputs: dict[str, tuple[torch.Size, Node | None]] = {}  # in order of execution
        self._macs: dict[str, int] = {}
        self._windowed_ops: dict[Node, _Sliding] = {}
        copied = meta_copy(model)
        self._modules = dict(copied.named_modules())
        for name, module in self._modules.items():
            module.register_forward_hook(self._hook_for(name))
        with torch.inference_mode(False), torch.enable_grad():
            # Pictures are what a field is measured on; a noise level has no place.
            copied(*(weightless(value).requires_grad_(value.dim() == 4) for value in inputs))
        self.reverse_topological = self._sort()

    def kind(self, name: str) -> str | None:
        """Return the ``kind`` of ``LayerFacts``, None for a module that is no layer of its own."""
        module = self._modules[name]
        if isinstance(module, _CONVOLUTIONS):
            return "transposed_conv" if isinstance(module, nn.ConvTranspose2d) else "conv"
        holds_some = any(inner.startswith(f"{name}.") for inner in self._macs)
        return "block" if name and holds_some and not isinstance(module, nn.Sequential) else None

    def layers(self) -> list[LayerFacts]:
        """Return the facts of every layer that has a kind, in the order of the data."""
        return [self._facts(name, kind) for name in self.outputs if (kind := self.kind(name))]

    def _facts(self, name: str, kind: str) -> LayerFacts:
        module, (_, channels, height, width) = self._modules[name], self.outputs[name][0]
        is_convolution = name in self._macs
        return LayerFacts(
            name=name,
            kind=kind,
            channels=channels,
            height=height,
            width=width,
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            macs=sum(n for inner, n in self._macs.items() if f"{inner}.".startswith(f"{name}.")),
            kernel_size=max(module.kernel_size) if is_convolution else None,
            stride=max(module.stride) if is_convolution else None,
            receptive_field=self._receptive_field(name),
        )

    def window(
        self, name: str, positions: np.ndarray, axis: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the first and last input row (axis 0) or column (axis 1) per output position."""
        windows = {self.outputs[name][1]: (positions, positions)}
        reached = None
        for node in self.reverse_topological:
            if node not in windows:
                continue
            first, last = windows.pop(node)
            if not node.next_functions:  # a leaf, and inputs are the only ones
                reached = _hull(reached, first, last)
                continue
            if (step := self._input_span(node, first, last, axis)) is None:
                return None
            for source, _ in node.next_functions:
                if source is not None:
                    windows[source] = _hull(windows.get(source), *step)
        return reached

    def _receptive_field(self, name: str) -> int | None:
        # The receptive field of a pixel is periodic in the product of the strides before it.
        upsampling = [m for m in self._windowed_ops.values() if isinstance(m, nn.ConvTranspose2d)]
        sides = []
        for axis in (0, 1):
            period = math.prod(_side(module.stride, axis) for module in upsampling)
            if (window := self.window(name, np.arange(period), axis)) is None:
                return None
            sides.append(int((window[1] - window[0]).max()) + 1)
        return max(sides)

    def _input_span(
        self, node: Node, first: np.ndarray, last: np.ndarray, axis: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the input span of an operation for a span of its output; None if it is unknown."""
        if (module := self._windowed_ops.get(node)) is not None:
            kernel, stride = _side(module.kernel_size, axis), _side(module.stride, axis)
            reach = _side(getattr(module, "dilation", 1), axis) * (kernel - 1)
            padding = _padding_before(module, reach, axis)
            if isinstance(module, nn.ConvTranspose2d):
                # Input i adds to outputs i * stride - padding and up to ``reach`` further.
                return -((reach - padding - first) // stride), (last + padding) // stride
            return first * stride - padding, last * stride - padding + reach
        operation = node.name().split("Backward")[0]
        shift = 0
        if operation in _PADDING:  # (left, right, top, bottom)
            amounts = _saved(node, _PADDING[operation])
            shift = -amounts[2 * (1 - axis)] if len(amounts) > 2 * (1 - axis) else 0
        elif operation == "Slice":
            sizes, start = _saved(node, "self_sym_sizes"), _signed_64(_saved(node, "start"))
            if _saved(node, "step") != 1 or len(sizes) != 4:
                return None
            if _signed_64(_saved(node, "dim")) % 4 == axis + 2:
                shift = start if start >= 0 else start + sizes[axis + 2]
        elif operation == "Cat":
            if _signed_64(_saved(node, "dim")) % 4 > 1:  # side by side, not one over the other
                return None
        elif not _POINTWISE.fullmatch(operation):
            return None
        return first + shift, last + shift

    def _hook_for(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            if not isinstance(output, Tensor) or output.dim() != 4:
                return
            self.outputs.pop(name, None)
            self.outputs[name] = output.shape, output.grad_fn
            if isinstance(module, _SLIDING) and output.grad_fn is not None:
                self._windowed_ops[output.grad_fn] = module
            if isinstance(module, _CONVOLUTIONS):
                # A weight is used once for each output pixel, and a transposed one for each
                # input pixel: weight holds all of (out, in / groups) or (in, out / groups).
                pixels = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
                uses = pixels.shape[0] * pixels.shape[2] * pixels.shape[3]
                self._macs[name] = self._macs.get(name, 0) + module.weight.numel() * uses

        return hook

    def _sort(self) -> list[Node]:
        sorter: graphlib.TopologicalSorter[Node] = graphlib.TopologicalSorter()
        waiting = [node for _, node in self.outputs.values() if node is not None]
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            sorter.add(node)
            for source, _ in node.next_functions:
                if source is not None:
                    sorter.add(source, node)
                    if source not in seen:
                        seen.add(source)
                        waiting.append(source)
        return list(sorter.static_order())


def _hull(
    window: tuple[np.ndarray, np.ndarray] | None, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if window is None:
        return first, last
    return np.minimum(window[0], first), np.maximum(window[1], last)


def _side(value: int | Sequence[int], axis: int) -> int:
    return value if isinstance(value, int) else value[axis]


def _padding_before(module: _Sliding, reach: int, axis: int) -> int:
    padding = module.padding
    if getattr(module, "padding_mode", "zeros") != "zeros" or padding == "valid":
        return 0  # with another mode, an operation of its own has padded before
    return reach // 2 if isinstance(padding, str) else _side(padding, axis)


def _saved(node: Node, name: str) -> Any:
    return getattr(node, f"_saved_{name}")


def _signed_64(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
