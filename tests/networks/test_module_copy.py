"""A twin shares the weights of a network and nothing else."""

import torch
from torch import nn

from deconv_demo.networks.module_copy import weight_sharing_copy
from deconv_demo.networks.restorers import DeconvUNet


def make_network():
    return DeconvUNet(widths=(4, 6), blocks=(1, 1)).requires_grad_(False)


def test_a_twin_computes_the_same_with_the_same_tensors():
    network, image = make_network(), torch.rand(1, 3, 12, 10)
    copied = weight_sharing_copy(network)
    assert torch.equal(copied(image), network(image))
    originals = dict(network.named_parameters())
    assert all(parameter is originals[name] for name, parameter in copied.named_parameters())
    assert [type(m) for m in copied.modules()] == [type(m) for m in network.modules()]


def test_what_is_done_to_a_twin_stays_there():
    network, image = make_network(), torch.rand(1, 3, 12, 10)
    before = network(image)
    seen = []
    network.head.register_forward_hook(lambda *_: seen.append("original"))
    copied = weight_sharing_copy(network)
    copied.head.register_forward_hook(lambda *_: seen.append("twin"))
    copied.head.register_forward_pre_hook(lambda *_: seen.append("twin first"))
    copied.tail.forward = lambda features: features[:, :3] * 0
    copied.bottom[0] = nn.Identity()
    assert torch.equal(copied(image), image)
    assert seen == ["twin first", "twin"]
    assert torch.equal(network(image), before)
    assert seen == ["twin first", "twin", "original"]
    assert not any("forward" in vars(module) for module in network.modules())


def test_a_layer_in_two_places_stays_one():
    layer = nn.Conv2d(3, 3, 1)
    copied = weight_sharing_copy(nn.Sequential(layer, nn.ReLU(), layer))
    assert copied[0] is copied[2] is not layer
