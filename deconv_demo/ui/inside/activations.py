"""Recorded activations: the outputs of every node for the crop, kept while they are in use."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deconv_demo.inspection import HOOKS, MapNode, NetworkMap, record_feature_maps

# Room for the maps and the ablation of the largest network for one crop, 310 MB.
VISITOR_BYTES = 330 * 2**20
SERVER_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class Activations:
    """The activations of all nodes of a network for one image.

    Layers inside a block are not kept but computed from the input of the block, a matter of
    milliseconds: they would take two thirds of the memory.

    Attributes:
        outputs: Name of a node to its output, ``(1, C, h, w)`` float32 on the CPU, contiguous.
        block_inputs: Name of a block to its input, likewise.
        restored: Output of the network, ``(1, 3, H, W)`` float32.
    """

    outputs: dict[str, Tensor]
    block_inputs: dict[str, Tensor]
    restored: Tensor

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes; a tensor in two places is counted once."""
        tensors = [*self.outputs.values(), *self.block_inputs.values(), self.restored]
        storages = {tensor.untyped_storage().data_ptr(): tensor for tensor in tensors}
        return sum(tensor.untyped_storage().nbytes() for tensor in storages.values())

    def maps(self, model: nn.Module, node: MapNode, layer_name: str) -> Tensor:
        """Return the maps of a layer, ``(C, h, w)`` float32.

        Args:
            model: The network that was recorded.
            node: Node of its map that is or holds the layer.
            layer_name: Name of the layer.
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
    """Run a network once and record the output of every node of its map.

    Only the pass of this thread is recorded, so that others may run the same model meanwhile.

    Args:
        model: The network; its blocks take one tensor each.
        network_map: Map of this model for inputs of these shapes.
        inputs: Arguments of its forward pass.
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
            # The input of most blocks is the very tensor that a node before them returned.
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
        # Not inference mode: its tensors could never be edited or used with gradients.
        with torch.inference_mode(False), torch.no_grad():
            restored = kept(model(*inputs))
    finally:
        with HOOKS:
            for handle in handles:
                handle.remove()
    return Activations(outputs=outputs, block_inputs=block_inputs, restored=restored)


class ActivationStore:
    """A cache of the activations used last, within limits for a visitor and for all.

    Activations that two visitors share (of the same file, such as an example) are one set of
    tensors: it counts for each of them, and once for the server. All methods may be called from
    any thread.

    Args:
        visitor_bytes, server_bytes: Limits. Activations larger than a visitor's limit are not
            kept.
    """

    def __init__(
        self, *, visitor_bytes: int = VISITOR_BYTES, server_bytes: int = SERVER_BYTES
    ) -> None:
        self.visitor_bytes, self.server_bytes = visitor_bytes, server_bytes
        self._kept: OrderedDict[tuple[str, Hashable], Activations] = OrderedDict()  # oldest first
        self._lock = threading.Lock()

    def get(self, visitor: str, key: Hashable) -> Activations | None:
        """Return the activations under a key, also if another visitor's pass recorded them.

        Args:
            visitor: Visitor who looks at them, for instance the name of a session.
            key: Key of the recording: task, file, part of it, settings. Two visitors have the
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
        """Drop all activations of a visitor."""
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
