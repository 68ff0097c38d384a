"""The drawing of a network is the network: nodes, edges and counts against known answers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deconv_demo.inspection.layer_stats import summarize_layers
from deconv_demo.inspection.network_map import INPUT, OUTPUT, map_network
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler, ResidualBlock, blank_inputs
from deconv_demo.tasks import TASKS


def inputs_of(model, height=32, width=48):
    return [torch.rand_like(value) for value in blank_inputs(model, height, width)]


def drawn(model, *inputs):
    """Names of the nodes, plain edges and skips as plain tuples."""
    network = map_network(model, *inputs)
    plain = [(edge.source, edge.target) for edge in network.edges if not edge.is_skip]
    skips = [(edge.source, edge.target, edge.joined_by) for edge in network.edges if edge.is_skip]
    return [node.facts.name for node in network.nodes], plain, skips


def test_a_unet_has_a_chain_and_a_skip_for_each_level():
    model = DeconvUNet(widths=(4, 8, 8), blocks=(1, 2, 1), noise_level_map=True)
    names, plain, skips = drawn(model, *inputs_of(model))
    assert names == [
        *("head", "encoder.0.0", "down.0", "encoder.1.0", "encoder.1.1", "down.1", "bottom.0"),
        *("up.1", "decoder.1.0", "decoder.1.1", "up.0", "decoder.0.0", "tail"),
    ]
    chain = [INPUT, *names, OUTPUT]
    assert plain == list(zip(chain[:-1], chain[1:], strict=True))
    assert sorted(skips) == [
        (INPUT, OUTPUT, "add"),
        ("encoder.0.0", "decoder.0.0", "add"),
        ("encoder.1.1", "decoder.1.0", "add"),
    ]


def test_an_upscaler_adds_its_first_maps_and_the_picture():
    model = DeconvUpscaler(channels=4, blocks=2, scale=4)
    names, plain, skips = drawn(model, torch.rand(1, 3, 10, 12))
    assert names == ["head", "trunk.0", "trunk.1", "merge", "up.0", "tail"]
    chain = [INPUT, *names, OUTPUT]
    assert plain == list(zip(chain[:-1], chain[1:], strict=True))
    assert sorted(skips) == [(INPUT, OUTPUT, "add"), ("head", "up.0", "add")]
    network = map_network(model, torch.rand(1, 3, 10, 12))
    assert network.input_shape == (3, 10, 12)
    assert network.output_shape == (3, 40, 48)


class Branches(nn.Module):
    """A concatenation, a product, and a layer that reads the picture again."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=1)
        self.c = nn.Conv2d(8, 4, 1)
        self.gate = nn.Conv2d(3, 4, 1)
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, image):
        first = F.relu(self.a(image))
        joined = self.c(torch.cat([first, self.b(first)], dim=1))
        return self.out(joined * torch.sigmoid(self.gate(image)))


def test_branches_are_found_and_how_they_meet():
    _, plain, skips = drawn(Branches(), torch.rand(1, 3, 8, 8))
    assert set(skips) == {("a", "c", "concat"), ("c", "out", "multiply")}
    assert ("b", "c") in plain
    assert (INPUT, "gate") in plain
    assert ("gate", "out") in plain


def test_a_block_is_one_node_with_its_convolutions_inside():
    network = map_network(nn.Sequential(ResidualBlock(4, bias=True)), torch.rand(1, 4, 8, 8))
    (node,) = network.nodes
    assert node.facts.name == "0"
    assert [facts.name for facts in node.inner] == ["0.conv1", "0.conv2"]
    assert network.get_node("0.conv2") is node
    with pytest.raises(ValueError, match="conv3"):
        network.get_node("0.conv3")


class Enlarging(nn.Module):
    """A block that changes the size, so that what is inside must be seen."""

    def __init__(self):
        super().__init__()
        self.before = nn.Conv2d(3, 4, 3, padding=1)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)

    def forward(self, image):
        return self.up(self.before(image))


def test_a_transposed_convolution_is_never_hidden_in_a_block():
    names, _, _ = drawn(nn.Sequential(Enlarging(), nn.Conv2d(4, 3, 1)), torch.rand(1, 3, 8, 8))
    assert names == ["0.before", "0.up", "1"]


@pytest.mark.parametrize("task_id", TASKS)
def test_nodes_hold_every_layer_once_in_the_order_of_the_data(task_id):
    model = TASKS[task_id].build()
    inputs = inputs_of(model)
    nodes = map_network(model, *inputs).nodes
    held = [facts for node in nodes for facts in (*node.inner, node.facts)]
    assert held == summarize_layers(model, *inputs)
    transposed = [
        name for name, layer in model.named_modules() if isinstance(layer, nn.ConvTranspose2d)
    ]
    marked = [node.facts.name for node in nodes if node.facts.kind == "transposed_conv"]
    assert sorted(marked) == sorted(transposed)


@pytest.mark.parametrize("task_id", TASKS)
def test_counts_are_those_of_other_counters(task_id):
    model = TASKS[task_id].build().eval()
    inputs = inputs_of(model)
    nodes = map_network(model, *inputs).nodes
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(*inputs)
    counts = {
        name.partition(".")[2]: sum(operations.values())
        for name, operations in counter.get_flop_counts().items()
    }
    for node in nodes:
        # That counter takes a multiplication and an addition for two.
        assert 2 * node.facts.macs == counts[node.facts.name], node.facts.name
        weights = model.get_submodule(node.facts.name).state_dict().values()
        assert node.facts.parameters == sum(weight.numel() for weight in weights)
    assert 2 * sum(node.facts.macs for node in nodes) == counter.get_total_flops()
    every = sum(parameter.numel() for parameter in model.parameters())
    assert sum(node.facts.parameters for node in nodes) == every
