"""A twin shares the weights of a network and nothing else."""

import torch
from torch import nn

from deconv_demo.networks.module_copy import shallow_twin
from deconv_demo.networks.restorers import DeconvUNet


def make_network():
    return DeconvUNet(widths=(4, 6), blocks=(1, 1)).requires_grad_(False)


def test_a_twin_computes_the_same_with_the_same_tensors():
    network, image = make_network(), torch.rand(1, 3, 12, 10)
    twin = shallow_twin(network)
    assert torch.equal(twin(image), network(image))
    originals = dict(network.named_parameters())
    assert all(parameter is originals[name] for name, parameter in twin.named_parameters())
    assert [type(m) for m in twin.modules()] == [type(m) for m in network.modules()]


def test_what_is_done_to_a_twin_stays_there():
    network, image = make_network(), torch.rand(1, 3, 12, 10)
    before = network(image)
    seen = []
    network.head.register_forward_hook(lambda *_: seen.append("original"))
    twin = shallow_twin(network)
    twin.head.register_forward_hook(lambda *_: seen.append("twin"))
    twin.head.register_forward_pre_hook(lambda *_: seen.append("twin first"))
    twin.tail.forward = lambda features: features[:, :3] * 0
    twin.bottom[0] = nn.Identity()
    assert torch.equal(twin(image), image)
    assert seen == ["twin first", "twin"]
    assert torch.equal(network(image), before)
    assert seen == ["twin first", "twin", "original"]
    assert not any("forward" in vars(module) for module in network.modules())


def test_a_layer_in_two_places_stays_one():
    layer = nn.Conv2d(3, 3, 1)
    twin = shallow_twin(nn.Sequential(layer, nn.ReLU(), layer))
    assert twin[0] is twin[2] is not layer
