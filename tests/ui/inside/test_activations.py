"""What is kept of a pass: the maps of a plain hook, within limits, each visitor's own."""

import threading

import pytest
import torch
from torch import nn

from deconv_demo.inspection.network_map import map_network
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.ui.inside.activations import Activations, ActivationStore, record_activations


def plain_hooks(model, inputs):
    """Outputs of all modules, with hooks of PyTorch alone."""
    kept, handles = {}, []
    for name, module in model.named_modules():
        handles.append(
            module.register_forward_hook(
                lambda _module, _inputs, output, name=name: kept.__setitem__(name, output)
            )
        )
    with torch.no_grad():
        model(*inputs)
    for handle in handles:
        handle.remove()
    return kept


def hooks_on(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def unet():
    model = DeconvUNet(widths=(4, 8), blocks=(2, 2), noise_level_map=True, bias=False).eval()
    return model, [torch.rand(1, 3, 13, 18), torch.tensor([0.1])]


def upscaler():
    return DeconvUpscaler(channels=4, blocks=2, scale=4).eval(), [torch.rand(1, 3, 9, 7)]


@pytest.mark.parametrize("build", [unet, upscaler])
def test_every_map_is_that_of_a_plain_hook(build):
    model, inputs = build()
    network = map_network(model, *inputs)
    activations = record_activations(model, network, inputs)
    expected = plain_hooks(model, inputs)
    looked_at = 0
    for node in network.nodes:
        for facts in (*node.inner, node.facts):
            maps = activations.maps(model, node, facts.name)
            torch.testing.assert_close(maps, expected[facts.name][0], rtol=0, atol=1e-6)
            assert tuple(maps.shape) == (facts.channels, facts.height, facts.width)
            assert maps.is_contiguous()
            looked_at += 1
    assert looked_at > len(network.nodes)
    torch.testing.assert_close(activations.restored, expected[""], rtol=0, atol=0)
    assert hooks_on(model) == 0


def test_nothing_stays_on_the_network_after_an_error():
    model, inputs = unet()
    network = map_network(model, *inputs)
    with pytest.raises(ValueError, match="sigma"):
        record_activations(model, network, inputs[:1])
    assert hooks_on(model) == 0


def test_what_stands_in_two_places_is_counted_once():
    model, inputs = upscaler()
    activations = record_activations(model, map_network(model, *inputs), inputs)
    # The blocks of the trunk read what the node before them gave: no memory of their own.
    alone = [*activations.outputs.values(), activations.restored]
    assert activations.nbytes == sum(tensor.numel() * 4 for tensor in alone)
    assert activations.block_inputs["trunk.1"] is activations.outputs["trunk.0"]


class InPlace(nn.Module):
    """What a node gave is changed in place before a block reads it."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.block = DeconvUNet(widths=(4, 4), blocks=(1, 1)).encoder[0][0]

    def forward(self, image):
        return self.block(torch.relu_(self.head(image)))


def test_a_change_in_place_is_not_mistaken_for_what_was_given():
    model, image = InPlace().eval(), torch.rand(1, 3, 6, 6)
    network = map_network(model, image)
    activations = record_activations(model, network, [image])
    with torch.no_grad():
        before = model.head(image)
    assert (before < 0).any()
    torch.testing.assert_close(activations.outputs["head"], before)
    torch.testing.assert_close(activations.block_inputs["block"], before.relu())


def test_two_visitors_at_once_get_their_own_maps():
    model, (image, sigma) = unet()
    network = map_network(model, image, sigma)
    images = [torch.rand(1, 3, 13, 18) for _ in range(4)]
    expected = [record_activations(model, network, [image, sigma]).outputs for image in images]
    found, barrier = {}, threading.Barrier(len(images))

    def look(visitor):
        barrier.wait()
        for _ in range(10):
            found[visitor] = record_activations(model, network, [images[visitor], sigma]).outputs

    threads = [threading.Thread(target=look, args=(visitor,)) for visitor in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for visitor, outputs in enumerate(expected):
        for name, maps in outputs.items():
            torch.testing.assert_close(found[visitor][name], maps, rtol=0, atol=1e-6)
    assert hooks_on(model) == 0


def kept(megabytes=1):
    restored = torch.zeros(megabytes * 2**18)
    return Activations(outputs={}, block_inputs={}, restored=restored)


def test_the_oldest_of_a_visitor_goes_first_and_looking_makes_young():
    store = ActivationStore(visitor_bytes=3 * 2**20, server_bytes=100 * 2**20)
    pictures = [kept() for _ in range(4)]
    for name, picture in zip("abc", pictures, strict=False):
        store.put("visitor", name, picture)
    assert store.get("visitor", "a") is pictures[0]
    store.put("visitor", "d", pictures[3])
    assert store.get("visitor", "b") is None
    assert [store.get("visitor", name) for name in "acd"] == [pictures[k] for k in (0, 2, 3)]
    assert store.nbytes("visitor") == store.nbytes() == 3 * 2**20


def test_the_oldest_of_all_goes_first_where_the_server_is_full():
    store = ActivationStore(visitor_bytes=2 * 2**20, server_bytes=3 * 2**20)
    for visitor in ("first", "second", "third", "fourth"):
        store.put(visitor, visitor, kept())
    assert store.get("first", "first") is None
    assert store.nbytes() == 3 * 2**20
    store.put("first", "large", kept(2))
    assert store.nbytes() == 3 * 2**20
    assert store.nbytes("second") == store.nbytes("third") == 0


def test_what_is_too_large_is_not_kept_and_pushes_nobody_out():
    store = ActivationStore(visitor_bytes=2 * 2**20, server_bytes=3 * 2**20)
    store.put("visitor", "small", kept())
    store.put("visitor", "huge", kept(3))
    assert store.get("visitor", "huge") is None
    assert store.get("visitor", "small") is not None


def test_one_file_is_kept_once_for_all_who_look_at_it():
    store = ActivationStore(visitor_bytes=2 * 2**20, server_bytes=2 * 2**20)
    shared = kept()
    store.put("first", "example", shared)
    assert store.get("second", "example") is shared
    assert store.nbytes() == 2**20
    store.forget("first")
    assert store.get("third", "example") is shared
    for visitor in ("second", "third"):
        store.forget(visitor)
    assert store.get("first", "example") is None
    assert store.nbytes() == 0


def test_limits_hold_while_many_look_at_once():
    store = ActivationStore(visitor_bytes=2 * 2**20, server_bytes=5 * 2**20)
    over, failed = [], []

    def look(visitor):
        try:
            for step in range(60):
                store.put(visitor, (visitor, step % 4), kept())
                store.get(visitor, (visitor, (step + 1) % 4))
                if store.nbytes(visitor) > 2 * 2**20 or store.nbytes() > 5 * 2**20:
                    over.append(visitor)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=look, args=(f"visitor {k}",)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert over == failed == []
