"""The graph of a network for drawing: layers in order of execution, and edges between them."""

from dataclasses import dataclass

from torch import Size, Tensor, nn
from torch.autograd.graph import Node

from deconv_demo.inspection.layer_stats import LayerFacts, Trace

# No module can have these names, so that they never collide with the name of a layer.
INPUT, OUTPUT = "<input>", "<output>"
# A block of more convolutions than this is drawn as its contents.
MAX_BLOCK = 6
_JOINS = {"Add": "add", "Cat": "concat", "Mul": "multiply", "Sub": "subtract"}


@dataclass(frozen=True, kw_only=True)
class MapNode:
    """A layer or block that is drawn.

    Attributes:
        facts: Statistics of the layer or block.
        inner: The convolutions inside a block, in order of execution.
    """

    facts: LayerFacts
    inner: tuple[LayerFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MapEdge:
    """An edge along which data goes from one node to another.

    Attributes:
        source, target: Names of nodes; ``INPUT`` and ``OUTPUT`` are the two ends.
        is_skip: Whether the target also consumes a later output, so that this edge passes by
            the nodes between.
        joined_by: Operation that joins a skip to the later data: ``"add"``, ``"concat"``,
            ``"multiply"``, ``"subtract"``, or None where it is unknown.
    """

    source: str
    target: str
    is_skip: bool = False
    joined_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkMap:
    """The graph of a network, derived from the module itself.

    Attributes:
        nodes: Nodes in order of execution.
        edges: Edges by target, in the order of the nodes; for each target the main source last.
        input_shape, output_shape: Channels, height and width of the two ends.
    """

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]

    def get_node(self, layer_name: str) -> MapNode:
        """Return the node of a layer, which is the layer or the block that holds it.

        Raises:
            ValueError: There is no such node.
        """
        for node in self.nodes:
            if layer_name == node.facts.name or any(f.name == layer_name for f in node.inner):
                return node
        raise ValueError(f"no node of this network is or holds a layer {layer_name!r}")


def map_network(model: nn.Module, *inputs: Tensor) -> NetworkMap:
    """Build the nodes and edges of a network.

    A block is one node if everything inside keeps its size; a block that changes it, holds a
    transposed convolution or more than six convolutions is drawn as its contents. Edges come from
    the autograd graph of one pass without data, so that a skip connection is found whatever Python
    code makes it.

    Args:
        model: Any network of convolutions that returns one image.
        inputs: Arguments of its forward pass, only the shapes of which matter; the first is
            the picture.

    >>> import torch
    >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 3, 2, stride=2))
    >>> [(edge.source, edge.target) for edge in map_network(pair, torch.zeros(1, 3, 8, 8)).edges]
    [('<input>', '0'), ('0', '1'), ('1', '<output>')]
    """
    trace = Trace(model, inputs)
    nodes = _nodes(trace)
    order = [INPUT, *(node.facts.name for node in nodes), OUTPUT]
    made_by = {node: name for name in order[1:-1] if (node := trace.outputs[name][1]) is not None}
    edges = []
    for target in order[1:]:
        operation = trace.outputs["" if target == OUTPUT else target][1]
        joins = _sources(operation, made_by, trace.reverse_topological, target=target)
        *skips, main = sorted(joins, key=order.index)
        edges += [
            MapEdge(source=name, target=target, is_skip=True, joined_by=joins[name])
            for name in skips
        ]
        edges.append(MapEdge(source=main, target=target))
    return NetworkMap(
        nodes=tuple(nodes),
        edges=tuple(edges),
        input_shape=_without_batch(inputs[0].shape),
        output_shape=_without_batch(trace.outputs[""][0]),
    )


def _without_batch(shape: Size) -> tuple[int, int, int]:
    _, channels, height, width = shape
    return channels, height, width


def _nodes(trace: Trace) -> list[MapNode]:
    layers = {facts.name: facts for facts in trace.layers()}
    nodes: list[MapNode] = []
    for name, facts in layers.items():
        if facts.kind != "block":
            nodes.append(MapNode(facts=facts))
            continue
        inner = tuple(
            other
            for other in layers.values()
            if other.name.startswith(f"{name}.") and other.kind != "block"
        )
        keeps_size = all(
            other.kind == "conv" and (other.height, other.width) == (facts.height, facts.width)
            for other in inner
        )
        if keeps_size and len(inner) <= MAX_BLOCK:
            # The contents were listed before, and are replaced by their block.
            nodes = [node for node in nodes if not node.facts.name.startswith(f"{name}.")]
            nodes.append(MapNode(facts=facts, inner=inner))
    return nodes


def _sources(
    operation: Node | None,
    made_by: dict[Node, str],
    reverse_topological: list[Node],
    *,
    target: str,
) -> dict[str, str | None]:
    """Return the nodes from which an operation is computed, and how each joins the others."""
    reach: dict[Node, set[str]] = {}
    for node in reversed(reverse_topological):
        name = made_by.get(node)
        if name is not None and name != target:
            reach[node] = {name}
        elif not node.next_functions:  # a leaf, and inputs are the only ones
            reach[node] = {INPUT}
        else:
            read = [source for source, _ in node.next_functions if source is not None]
            reach[node] = set().union(*(reach[source] for source in read))
        if node is operation:
            break
    if operation is None:  # the output does not depend on the picture
        return {INPUT: None}
    joins: dict[str, str | None] = dict.fromkeys(reach[operation])
    waiting, seen = [operation], {operation}
    while waiting:
        node = waiting.pop()
        if not node.next_functions or made_by.get(node, target) != target:
            continue
        read = [source for source, _ in node.next_functions if source is not None]
        everywhere = set.intersection(*(reach[source] for source in read)) if read else set()
        for name in reach[node] - everywhere:  # it is missing from some branch
            joins[name] = _JOINS.get(node.name().split("Backward")[0])
        for source in read:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return joins
