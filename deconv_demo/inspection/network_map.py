"""A network as a drawing needs it: its layers in the order of the data, and who reads whom."""

from dataclasses import dataclass

from torch import Size, Tensor, nn
from torch.autograd.graph import Node

from deconv_demo.inspection.layer_stats import LayerFacts, Trace

# No module can be called this, so that they never meet the name of a layer.
INPUT, OUTPUT = "<input>", "<output>"
# A block of more convolutions than this is drawn as what is inside it.
MAX_BLOCK = 6
_JOINS = {"Add": "add", "Cat": "concat", "Mul": "multiply", "Sub": "subtract"}


@dataclass(frozen=True, kw_only=True)
class MapNode:
    """A layer or block that is drawn.

    Attributes:
        facts: Of the layer or block.
        inner: The convolutions inside a block, in the order of the data.
    """

    facts: LayerFacts
    inner: tuple[LayerFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MapEdge:
    """Data that goes from one node to another.

    Attributes:
        source, target: Names of nodes; ``INPUT`` and ``OUTPUT`` stand for the two ends.
        is_skip: Whether the target reads something later as well, so that this edge passes by
            what lies between.
        joined_by: For a skip, how it meets the later data: ``"add"``, ``"concat"``,
            ``"multiply"``, ``"subtract"``, or None where it cannot be told.
    """

    source: str
    target: str
    is_skip: bool = False
    joined_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkMap:
    """A network drawn from the module itself.

    Attributes:
        nodes: In the order of the data.
        edges: By target, in the order of the nodes; for each the main source last.
        input_shape, output_shape: Channels, height and width of the two ends.
    """

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]

    def get_node(self, layer_name: str) -> MapNode:
        """Return the node that is a layer, or that holds it.

        Raises:
            ValueError: No node does.
        """
        for node in self.nodes:
            if layer_name == node.facts.name or any(f.name == layer_name for f in node.inner):
                return node
        raise ValueError(f"no node of this network is or holds a layer {layer_name!r}")


def map_network(model: nn.Module, *inputs: Tensor) -> NetworkMap:
    """Draw up the nodes and edges of a network.

    A block stands as one node where all inside keeps its size; a block that changes it, holds a
    transposed convolution or more than six convolutions is drawn as what is inside. Edges are
    read off the graph of operations of one pass without data, so that a skip connection is
    found whatever Python code makes it.

    Args:
        model: Any network of convolutions that returns one image.
        inputs: What its forward pass takes, only the shapes of which matter; the first one is
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
            # What is inside came before, and steps back behind its block.
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
    """Names of the nodes that an operation is computed from, and how each joined the others."""
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
    if operation is None:  # nothing of the picture goes in
        return {INPUT: None}
    joins: dict[str, str | None] = dict.fromkeys(reach[operation])
    waiting, seen = [operation], {operation}
    while waiting:
        node = waiting.pop()
        if not node.next_functions or made_by.get(node, target) != target:
            continue
        read = [source for source, _ in node.next_functions if source is not None]
        everywhere = set.intersection(*(reach[source] for source in read)) if read else set()
        for name in reach[node] - everywhere:  # some branch came without it
            joins[name] = _JOINS.get(node.name().split("Backward")[0])
        for source in read:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return joins
