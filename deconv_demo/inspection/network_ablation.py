"""Ablation: scale or switch off channels, blocks and skip connections while a network runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from deconv_demo.inspection.feature_maps import find_layers
from deconv_demo.inspection.network_map import OUTPUT, NetworkMap
from deconv_demo.networks import InplaceResidualBlock, ResidualBlock, weight_sharing_copy


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A skip connection, which adds the output of an earlier layer to that of the main path.

    Attributes:
        source: Name of the layer where the skip leaves the main path; for a skip to ``OUTPUT`` from
            the image itself, no layer's name.
        target: Name of the layer whose input is the sum, or ``OUTPUT``.
        main: Name of the layer whose output the source is added to.
    """

    source: str
    target: str
    main: str


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Changes to a network, as factors from 0 (off) over 1 (as trained) to, say, 2.

    Attributes:
        channels: Layer name to a factor for each edited channel of its output.
        skips: Skip connection to the factor of its contribution.
        blocks: Name of a residual block to the factor of its residual branch, biases included; 0
            returns the input of the block unchanged.
        layers: Layer name to a function that replaces it and gets the input of the layer.
    """

    channels: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    skips: Mapping[Skip, float] = field(default_factory=dict)
    blocks: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)


def list_skips(network_map: NetworkMap) -> list[Skip]:
    """Return the skip connections of a network that are added, in the order of their targets.

    >>> from deconv_demo.inspection.network_map import map_network
    >>> from deconv_demo.networks import DeconvUNet
    >>> network = DeconvUNet(widths=(4, 8), blocks=(1, 1))
    >>> [skip.source for skip in list_skips(map_network(network, torch.rand(1, 3, 8, 8)))]
    ['encoder.0.0', '<input>']
    """
    main = {edge.target: edge.source for edge in network_map.edges if not edge.is_skip}
    return [
        Skip(source=edge.source, target=edge.target, main=main[edge.target])
        for edge in network_map.edges
        if edge.is_skip and edge.joined_by == "add"
    ]


@torch.no_grad()
def run_edited(
    model: nn.Module,
    inputs: Sequence[Tensor],
    edits: Edits,
    cached: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Run a network as if it had been edited, and leave the network itself unchanged.

    The pass uses a copy that shares the weights, so any number of threads may run one model, each
    with edits of its own.

    Args:
        model: The network. Each edited layer is called once a pass, with one tensor.
        inputs: Arguments of its forward pass.
        edits: The changes. A factor of 1 changes nothing.
        cached: Outputs of layers in an unedited pass over these inputs, in order of execution.
            Layers before the first change are taken from here. Layers may be missing: they are
            computed.

    Returns:
        Output of the network, equal up to rounding to that of an edited copy.

    Raises:
        ValueError: The model has no layer of a name, a layer no such channel, or the output of a
            block differs in shape from its input.

    >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3, bias=False))
    >>> off = Edits(channels={"0": dict.fromkeys(range(8), 0.0)})
    >>> run_edited(pair, [torch.rand(1, 3, 8, 8)], off).abs().max().item()
    0.0
    """
    edits = _without_ones(edits)
    _check_names(model, edits)
    cached = cached or {}
    kept = dict(list(cached.items())[: count_reusable(list(cached), edits)])
    copied = weight_sharing_copy(model)
    outputs: dict[str, Tensor] = {}
    readers = _readers(edits)
    watched = {name for skip in edits.skips for name in (skip.source, skip.main)}
    names = {*kept, *readers, *edits.channels, *edits.blocks, *edits.layers, *watched}
    for name, layer in copied.named_modules():
        if name not in names:
            continue
        layer.forward = _Operated(
            name=name,
            forward=edits.layers.get(name, layer.forward),
            kept=_safe_to_hand_out(model, kept.get(name)),
            skips=readers.get(name, {}),
            block=edits.blocks.get(name),
            channels=edits.channels.get(name, {}),
            outputs=outputs,
        )
    for name, block in copied.named_modules():
        watched_inside = any(other == name or other.startswith(f"{name}.") for other in names)
        if isinstance(block, ResidualBlock) and not watched_inside:
            # What it is given may be in the hands of others.
            inplace = InplaceResidualBlock(block, keeps_input=True)
            copied.get_submodule(name).forward = inplace.forward
    restored = copied(*inputs)
    for skip, factor in readers.get(OUTPUT, {}).items():
        correction = outputs[skip.main].to(restored)
        passed_by = restored - correction[..., : restored.shape[-2], : restored.shape[-1]]
        restored = restored + (factor - 1) * passed_by
    return restored


def layer_input(
    model: nn.Module,
    inputs: Sequence[Tensor],
    layer_name: str,
    cached: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return the input of a layer, ``(1, C, h, w)``, without computing the layers after it.

    Args:
        model, inputs, cached: As for ``run_edited``.
        layer_name: Name of the layer.

    Raises:
        ValueError: The model has no such layer, or did not call it.

    >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3))
    >>> layer_input(pair, [torch.rand(1, 3, 9, 9)], "1").shape
    torch.Size([1, 8, 7, 7])
    """

    def stop(given: Tensor) -> Tensor:
        raise _StopForward(given)

    try:
        run_edited(model, inputs, Edits(layers={layer_name: stop}), cached)
    except _StopForward as reached:
        return reached.given
    raise ValueError(f"the layer {layer_name!r} is not called")


class _StopForward(Exception):
    """The pass has reached the layer, and the layers after it are not needed."""

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.given = given


@dataclass(frozen=True, kw_only=True)
class _Operated:
    """The forward pass that replaces that of an edited layer in the copy."""

    name: str
    forward: Callable[[Tensor], Tensor]
    kept: Tensor | None
    skips: Mapping[Skip, float]
    block: float | None
    channels: Mapping[int, float]
    outputs: dict[str, Tensor]

    def __call__(self, given: Tensor) -> Tensor:
        for skip, factor in self.skips.items():
            given = given + (factor - 1) * self.outputs[skip.source]
        output = self.forward(given) if self.kept is None else self.kept
        if self.block is not None:
            if output.shape != given.shape:
                raise ValueError(
                    f"{self.name} makes {tuple(output.shape)} of {tuple(given.shape)}: only what "
                    "keeps the shape can be let through"
                )
            output = given + self.block * (output - given)
        if self.channels:
            count = output.shape[1]
            if not all(0 <= channel < count for channel in self.channels):
                raise ValueError(f"{self.name} has {count} channels, not {max(self.channels)}")
            factors = output.new_ones(count)
            factors[list(self.channels)] = output.new_tensor(list(self.channels.values()))
            output = output * factors.view(-1, 1, 1)
        self.outputs[self.name] = output
        return output


def _without_ones(edits: Edits) -> Edits:
    channels = {
        layer: changed
        for layer, factors in edits.channels.items()
        if (changed := {channel: f for channel, f in factors.items() if f != 1})
    }
    skips = {skip: factor for skip, factor in edits.skips.items() if factor != 1}
    blocks = {block: factor for block, factor in edits.blocks.items() if factor != 1}
    return Edits(channels=channels, skips=skips, blocks=blocks, layers=edits.layers)


def _readers(edits: Edits) -> dict[str, dict[Skip, float]]:
    readers: dict[str, dict[Skip, float]] = {}
    for skip, factor in edits.skips.items():
        readers.setdefault(skip.target, {})[skip] = factor
    return readers


def count_reusable(order: Sequence[str], edits: Edits) -> int:
    """Return how many layers, from the first one on, have the same output without the edits.

    Args:
        order: Layer names in order of execution.
        edits: The changes; a layer whose output is scaled after it was computed counts.
    """
    counts = [len(order)]
    for edited in (*edits.channels, *edits.blocks):
        around = [n for n, name in enumerate(order) if edited.startswith(f"{name}.")]
        inside = [n for n, name in enumerate(order) if name.startswith(f"{edited}.")]
        if edited in order:  # its output is scaled after it was taken from the cache
            counts.append(order.index(edited) + 1)
        elif around:
            counts.append(around[0])
        else:
            counts.append(inside[-1] + 1 if inside else 0)
    # These run again, so that they get the outputs of the layers before them.
    for target in (*_readers(edits), *edits.layers):
        if target != OUTPUT:
            counts.append(order.index(target) if target in order else 0)
    return min(counts)


def _safe_to_hand_out(model: nn.Module, tensor: Tensor | None) -> Tensor | None:
    """Return a copy of a kept output where an in-place activation would overwrite it."""
    in_place = any(getattr(module, "inplace", False) for module in model.modules())
    return tensor.clone() if in_place and tensor is not None else tensor


def _check_names(model: nn.Module, edits: Edits) -> None:
    names = [*edits.channels, *edits.blocks, *edits.layers]
    for skip in edits.skips:
        names += [skip.main] if skip.target == OUTPUT else [skip.main, skip.source, skip.target]
    find_layers(model, names)
