import threading

import numpy as np
import pytest
import torch
from torch import nn

from deconv_demo.inspection.feature_maps import (
    describe_map,
    energy,
    is_signed,
    order_by_energy,
    record_feature_maps,
)
from deconv_demo.networks.restorers import DeconvUNet


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DeconvUNet(widths=(6, 10), blocks=(1, 1)).eval()


def picture(seed, *, side=12):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def has_hooks(model):
    return any(module._forward_hooks for module in model.modules())


def test_maps_equal_those_of_a_plain_forward_hook(network):
    names = ["head", "encoder.0.0", "bottom.0.conv1", "up.0", "tail"]
    expected = {}
    handles = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: expected.update({name: output.clone()})
        )
        for name in names
    ]
    network(picture(1))
    for handle in handles:
        handle.remove()
    with record_feature_maps(network, names) as maps:
        network(picture(1))
    assert set(maps) == set(names)
    for name in names:
        assert torch.equal(maps[name], expected[name])
        assert not maps[name].requires_grad


def test_the_last_pass_counts(network):
    with record_feature_maps(network, ["head"]) as maps:
        network(picture(1))
        network(picture(2, side=8))
    assert torch.equal(maps["head"], network.head(picture(2, side=8)))


def test_maps_are_contiguous_float32_whatever_the_network_runs_in(network):
    network = network.to(memory_format=torch.channels_last)
    image = picture(3).contiguous(memory_format=torch.channels_last)
    with record_feature_maps(network, ["head"]) as maps, torch.autocast("cpu", torch.bfloat16):
        network(image)
    assert maps["head"].dtype == torch.float32
    assert maps["head"].is_contiguous()
    # bfloat16 keeps 8 bits: equal to the float32 map to within that, and rounded to it.
    torch.testing.assert_close(maps["head"], network.head(image), atol=0.02, rtol=0.02)
    assert torch.equal(maps["head"], maps["head"].bfloat16().float())


def test_maps_are_copies_that_later_layers_do_not_overwrite():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
    with record_feature_maps(model, ["0"]) as maps, torch.no_grad():
        model(picture(4))
    assert torch.equal(maps["0"], model[0](picture(4)))
    assert is_signed(maps["0"])


def test_maps_recorded_in_inference_mode_can_be_worked_on(network):
    with torch.inference_mode(), record_feature_maps(network, ["head"]) as maps:
        network(picture(5))
    edited = maps["head"].requires_grad_()
    network.bottom[0].conv1(edited.mean() * torch.ones(1, 10, 4, 4)).sum().backward()
    assert edited.grad.abs().max() > 0


def test_no_hook_is_left_after_success(network):
    with record_feature_maps(network, ["head", "tail"]):
        assert has_hooks(network)
        network(picture(6))
    assert not has_hooks(network)


def test_no_hook_is_left_after_an_error_inside_the_network(network):
    with (
        pytest.raises(RuntimeError, match="channels"),
        record_feature_maps(network, ["head", "tail"]),
    ):
        network(torch.zeros(1, 5, 8, 8))
    assert not has_hooks(network)


def test_an_unknown_layer_is_named_and_leaves_no_hook(network):
    with (
        pytest.raises(ValueError, match=r"no layer 'bottom\.0\.conv3'.*bottom\.0\.conv[12]"),
        record_feature_maps(network, ["head", "bottom.0.conv3"]),
    ):
        pass
    assert not has_hooks(network)


def test_two_threads_on_one_network_see_their_own_maps_only(network):
    images = {"first": picture(7), "second": picture(8)}
    seen = {name: [] for name in images}
    both_inside = threading.Barrier(2)

    def visit(name):
        with record_feature_maps(network, ["head", "tail"]) as maps, torch.no_grad():
            both_inside.wait(timeout=20)  # both sets of hooks are on before either runs
            for _ in range(5):
                network(images[name])
                both_inside.wait(timeout=20)  # the other's pass is over too
                seen[name].append(dict(maps))
                both_inside.wait(timeout=20)

    threads = [threading.Thread(target=visit, args=(name,)) for name in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, image in images.items():
        assert len(seen[name]) == 5
        for maps in seen[name]:
            assert torch.equal(maps["head"], network.head(image))
    assert not has_hooks(network)


def test_energy_and_its_order_match_numpy():
    maps = torch.randn(20, 7, 9, generator=torch.Generator().manual_seed(9))
    maps[5] = maps[11]
    expected = np.mean(maps.numpy().astype(np.float64) ** 2, axis=(1, 2))
    assert energy(maps).numpy() == pytest.approx(expected, rel=1e-6)
    assert order_by_energy(maps) == np.argsort(-expected, kind="stable").tolist()


def test_channels_of_equal_energy_keep_their_order():
    maps = torch.ones(40, 2, 2)
    maps[30] = -3
    assert order_by_energy(maps) == [30, *(k for k in range(40) if k != 30)]


def test_energy_refuses_a_batch():
    with pytest.raises(ValueError, match=r"\(1, 4, 8, 8\)"):
        energy(torch.zeros(1, 4, 8, 8))


def test_describe_map_matches_numpy():
    feature_map = torch.randn(9, 11, generator=torch.Generator().manual_seed(10)).relu()
    values = feature_map.numpy().astype(np.float64)
    assert describe_map(feature_map) == pytest.approx(
        {
            "min": values.min(),
            "max": values.max(),
            "mean": values.mean(),
            "std": values.std(),
            "dead": np.count_nonzero(values == 0) / values.size,
            "energy": (values**2).mean(),
        }
    )


def test_is_signed():
    assert is_signed(torch.tensor([1.0, -1e-9]))
    assert not is_signed(torch.tensor([0.0, -0.0, 2.0]))
