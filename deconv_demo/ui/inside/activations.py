"""What one pass over the crop left at every node of a network, kept while visitors look at it."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deconv_demo.inspection import HOOKS, MapNode, NetworkMap, record_feature_maps

# What the maps and the surgery of the largest network keep for one crop, 310 MB, must fit.
VISITOR_BYTES = 330 * 2**20
SERVER_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class Activations:
    """All nodes of a network on one image.

    What lies inside a block is not kept but computed from what went into the block, a matter of
    milliseconds: kept, it would be two thirds of the memory.

    Attributes:
        outputs: Name of a node to its output, ``(1, C, h, w)`` float32 on the CPU, contiguous.
        block_inputs: Name of a block to what it was given, the same.
        restored: Output of the network, ``(1, 3, H, W)`` float32.
    """

    outputs: dict[str, Tensor]
    block_inputs: dict[str, Tensor]
    restored: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors, those that stand in two places counted once."""
        tensors = [*self.outputs.values(), *self.block_inputs.values(), self.restored]
        storages = {tensor.untyped_storage().data_ptr(): tensor for tensor in tensors}
        return sum(tensor.untyped_storage().nbytes() for tensor in storages.values())

    def maps(self, model: nn.Module, node: MapNode, layer_name: str) -> Tensor:
        """Return the maps of a layer, ``(C, h, w)`` float32.

        Args:
            model: The network that was recorded.
            node: Of its map, the one that is or holds the layer.
            layer_name: The layer.
        """
        if layer_name in self.outputs:
            return self.outputs[layer_name][0]
        block = model.get_submodule(node.facts.name)
        given = self.block_inputs[node.facts.name].contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), record_feature_maps(model, [layer_name]) as maps:
            block(given)
        return maps[layer_name][0]


def record_activations(
    model: nn.Module, network_map: NetworkMap, inputs: Sequence[Tensor]
) -> Activations:
    """Run a network once and keep what every node of its map gave.

    Only the pass of this thread is recorded, so that others may run the same model meanwhile.

    Args:
        model: The network; its blocks take one tensor each.
        network_map: Of this model, for inputs of these shapes.
        inputs: What its forward pass takes.
    """
    thread = threading.get_ident()
    outputs: dict[str, Tensor] = {}
    block_inputs: dict[str, Tensor] = {}
    made: dict[str, tuple[weakref.ref, int]] = {}

    def kept(tensor: Tensor) -> Tensor:
        return tensor.detach().to(
            "cpu", torch.float32, copy=True, memory_format=torch.contiguous_format
        )

    def output_hook(name: str):
        def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
            if threading.get_ident() == thread:
                outputs[name] = kept(output)
                made[name] = weakref.ref(output), output._version

        return hook

    def input_hook(name: str):
        def hook(_module: nn.Module, given: tuple) -> None:
            if threading.get_ident() != thread:
                return
            # Most blocks read the very tensor that a node before them made.
            same = (
                n for n, (ref, v) in made.items() if ref() is given[0] and given[0]._version == v
            )
            maker = next(same, None)
            block_inputs[name] = kept(given[0]) if maker is None else outputs[maker]

        return hook

    handles = []
    with HOOKS:
        for node in network_map.nodes:
            module = model.get_submodule(node.facts.name)
            handles.append(module.register_forward_hook(output_hook(node.facts.name)))
            if node.inner:
                handles.append(module.register_forward_pre_hook(input_hook(node.facts.name)))
    try:
        # Not inference mode: its tensors could never be edited or run on with gradients.
        with torch.inference_mode(False), torch.no_grad():
            restored = kept(model(*inputs))
    finally:
        with HOOKS:
            for handle in handles:
                handle.remove()
    return Activations(outputs=outputs, block_inputs=block_inputs, restored=restored)


class ActivationStore:
    """Keeps the activations that were used last, within limits for a visitor and for all.

    What two visitors share (the same file, as of an example) is one set of tensors: it counts
    for each of them, and once for the server. All methods may be called from any thread.

    Args:
        visitor_bytes, server_bytes: The limits. What alone is larger than a visitor's share is
            not kept.
    """

    def __init__(
        self, *, visitor_bytes: int = VISITOR_BYTES, server_bytes: int = SERVER_BYTES
    ) -> None:
        self.visitor_bytes, self.server_bytes = visitor_bytes, server_bytes
        self._kept: OrderedDict[tuple[str, Hashable], Activations] = OrderedDict()  # oldest first
        self._lock = threading.Lock()

    def get(self, visitor: str, key: Hashable) -> Activations | None:
        """Return what is kept for a visitor under a key, also if another one brought it.

        Args:
            visitor: Whoever looks, for instance a session's name.
            key: Of what was recorded: task, file, part of it, settings. Two visitors have the
                same key only for the same file.
        """
        with self._lock:
            found = self._kept.get((visitor, key))
            if found is None:
                found = next(
                    (kept for (_, other), kept in self._kept.items() if other == key), None
                )
            if found is not None:
                self._put(visitor, key, found)
            return found

    def put(self, visitor: str, key: Hashable, activations: Activations) -> None:
        """Keep activations for a visitor, and drop the oldest where there is too much."""
        with self._lock:
            self._put(visitor, key, activations)

    def forget(self, visitor: str) -> None:
        """Drop all that is kept for a visitor."""
        with self._lock:
            for place in [place for place in self._kept if place[0] == visitor]:
                del self._kept[place]

    def nbytes(self, visitor: str | None = None) -> int:
        """Return the bytes kept for a visitor, or for the whole server."""
        with self._lock:
            return self._nbytes(visitor)

    def _put(self, visitor: str, key: Hashable, activations: Activations) -> None:
        self._kept.pop((visitor, key), None)
        if activations.nbytes > min(self.visitor_bytes, self.server_bytes):
            return
        self._kept[visitor, key] = activations
        while self._nbytes(visitor) > self.visitor_bytes:
            del self._kept[next(place for place in self._kept if place[0] == visitor)]
        while self._nbytes(None) > self.server_bytes:
            self._kept.popitem(last=False)

    def _nbytes(self, visitor: str | None) -> int:
        kept = {
            id(activations): activations
            for (owner, _), activations in self._kept.items()
            if visitor in (None, owner)
        }
        return sum(activations.nbytes for activations in kept.values())
