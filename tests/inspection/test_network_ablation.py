"""Surgery on cached activations equals an edited copy of the network run from the start."""

import copy
import threading

import pytest
import torch
import torch.nn.functional as F
from support.operated import inputs_of, known_of, scale_channel
from torch import nn

from deconv_demo.inspection.feature_maps import record_feature_maps
from deconv_demo.inspection.layer_stats import summarize_layers
from deconv_demo.inspection.network_ablation import (
    OUTPUT,
    Edits,
    Skip,
    layer_input,
    list_skips,
    run_edited,
)
from deconv_demo.inspection.network_map import map_network
from deconv_demo.networks.restorers import DeconvUpscaler, bicubic_upscale, crop_inputs
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS

TOLERANCE = 1e-5
UNET_SKIP = Skip(source="encoder.1.1", target="decoder.1.0", main="up.1")
IMAGE_SKIP = Skip(source="<input>", target=OUTPUT, main="tail")


def unet_by_hand(model, image, sigma, *, skips, image_factor):
    """The forward pass of the U-Net, written again with a factor for each skip connection."""
    level = sigma.view(-1, 1, 1, 1).expand(-1, 1, *image.shape[-2:])
    x = model.head(torch.cat([image, level], dim=1))
    kept = []
    for blocks, down in zip(model.encoder, model.down, strict=True):
        x = blocks(x)
        kept.append(x)
        x = down(x)
    x = model.bottom(x)
    for n in reversed(range(len(kept))):
        x = model.decoder[n](model.up[n](x) + skips.get(n, 1) * kept[n])
    return image_factor * image + model.tail(x)


@pytest.mark.slow
@pytest.mark.parametrize("task_id", TASKS)
def test_channels_equal_edited_weights_run_from_the_start(task_id, photos):
    model = load_model(task_id)
    inputs = inputs_of(task_id, photos)
    cached = known_of(model, inputs)
    before = {name: tensor.clone() for name, tensor in cached.items()}
    convolutions = [layer for layer in summarize_layers(model, *inputs) if layer.kind != "block"]
    for facts in [convolutions[0], *convolutions[4::9], convolutions[-1]]:
        # Of those that a ReLU behind lets through: some channels of a trained network are dead.
        with record_feature_maps(model, [facts.name]) as recorded, torch.no_grad():
            model(*inputs)
        passed = recorded[facts.name][0].clamp(min=0).sum(dim=(1, 2))
        strongest, second = passed.topk(2).indices.tolist()
        factors = {strongest: 0.0, second: 1.7}
        twin = copy.deepcopy(model)
        for channel, factor in factors.items():
            scale_channel(twin.get_submodule(facts.name), channel, factor)
        with torch.no_grad():
            expected = twin(*inputs)
        result = run_edited(model, inputs, Edits(channels={facts.name: factors}), cached)
        assert (result - expected).abs().max() < TOLERANCE, facts.name
        assert (result - model(*inputs)).abs().max() > TOLERANCE, facts.name
    assert all(torch.equal(cached[name], before[name]) for name in cached)


@pytest.mark.slow
@pytest.mark.parametrize("task_id", TASKS)
def test_a_block_off_is_an_identity(task_id, photos):
    model = load_model(task_id)
    inputs = inputs_of(task_id, photos)
    cached = known_of(model, inputs)
    blocks = [facts.name for facts in summarize_layers(model, *inputs) if facts.kind == "block"]
    for name in (blocks[0], blocks[len(blocks) // 2], blocks[-1]):
        for factor in (0.0, 0.5, 2.0):
            twin = copy.deepcopy(model)
            branch = twin.get_submodule(name).conv2
            for channel in range(branch.out_channels):
                scale_channel(branch, channel, factor)
            with torch.no_grad():
                expected = twin(*inputs)
            result = run_edited(model, inputs, Edits(blocks={name: factor}), cached)
            assert (result - expected).abs().max() < TOLERANCE, name
            assert (result - model(*inputs)).abs().max() > TOLERANCE, name


@pytest.mark.parametrize(
    ("skips", "image_factor"), [({0: 0.0}, 1), ({2: 0.0, 1: 1.6}, 1), ({}, 0), ({0: 0.3}, 0.5)]
)
def test_skips_equal_a_forward_pass_written_with_factors(skips, image_factor, photos):
    model, inputs = load_model("denoise"), inputs_of("denoise", photos)
    factors = {
        Skip(source=f"encoder.{n}.1", target=f"decoder.{n}.0", main=f"up.{n}"): factor
        for n, factor in skips.items()
    } | ({IMAGE_SKIP: image_factor} if image_factor != 1 else {})
    with torch.no_grad():
        expected = unet_by_hand(model, *inputs, skips=skips, image_factor=image_factor)
    for cached in (known_of(model, inputs), {}):
        result = run_edited(model, inputs, Edits(skips=factors), cached)
        assert (result - expected).abs().max() < TOLERANCE


def test_skips_of_the_upscaler(photos):
    model, (image,) = load_model("upscale_x4"), inputs_of("upscale_x4", photos)
    with torch.no_grad():
        first = model.head(image)
        features = 0.25 * first + model.merge(model.trunk(first))
        expected = 2 * bicubic_upscale(image, 4) + model.tail(F.relu(model.up[0](features)))
    around = Skip(source="head", target="up.0", main="merge")
    edits = Edits(skips={around: 0.25, IMAGE_SKIP: 2})
    for cached in (known_of(model, [image]), {}):
        assert (run_edited(model, [image], edits, cached) - expected).abs().max() < TOLERANCE


def test_several_edits_at_once_and_a_size_that_is_padded(photos):
    model = load_model("deblur")
    inputs = crop_inputs(inputs_of("deblur", photos), slice(45), slice(35))
    edits = Edits(
        channels={"up.2": {3: 0.0}, "decoder.0.1": {5: 0.5}, "down.1": {1: 1.5}},
        blocks={"bottom.1": 0.0},
        skips={UNET_SKIP: 0.5},
    )
    twin = copy.deepcopy(model)
    scale_channel(twin.up[2], 3, 0.0)
    scale_channel(twin.down[1], 1, 1.5)
    twin.bottom[1].conv2.weight.zero_()
    seen = {}
    twin.encoder[1].register_forward_hook(lambda _m, _i, output: seen.update(skip=output))
    twin.up[1].register_forward_hook(lambda _m, _i, output: output - 0.5 * seen["skip"])
    scale = torch.ones(32, 1, 1)
    scale[5] = 0.5
    twin.decoder[0][1].register_forward_hook(lambda _m, _i, output: output * scale)
    with torch.no_grad():
        expected = twin(*inputs)
    result = run_edited(model, inputs, edits, known_of(model, inputs))
    assert result.shape == inputs[0].shape
    assert (result - expected).abs().max() < TOLERANCE


def computed_layers(model, inputs, edits, cached):
    """Convolutions that really run, counted from outside the module tree."""

    class Counting(torch.overrides.TorchFunctionMode):
        count = 0

        def __torch_function__(self, func, types, args=(), kwargs=None):
            Counting.count += func in (torch.conv2d, torch.conv_transpose2d)
            return func(*args, **(kwargs or {}))

    with Counting():
        run_edited(model, inputs, edits, cached)
    return Counting.count


def test_only_what_lies_behind_the_change_runs_again(photos):
    model, inputs = load_model("denoise"), inputs_of("denoise", photos)
    cached = known_of(model, inputs)
    everything = sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in model.modules())
    for edits, expected in (
        (Edits(channels={"head": {0: 0.0}}), everything - 1),
        (Edits(channels={"decoder.0.1": {0: 0.0}}), 1),
        (Edits(channels={"decoder.0.1.conv1": {0: 0.0}}), 3),
        (Edits(channels={"tail": {0: 0.0}}), 0),
        (Edits(channels={"tail": {0: 1.0}}), 0),
        (Edits(blocks={"decoder.0.0": 0.0}), 3),
        (Edits(skips={IMAGE_SKIP: 0.0}), 0),
        (Edits(), 0),
    ):
        assert computed_layers(model, inputs, edits, cached) == expected, edits
    assert computed_layers(model, inputs, Edits(), {}) == everything


def test_layers_inside_blocks_may_be_known_too(photos):
    model, inputs = load_model("upscale_x2"), inputs_of("upscale_x2", photos)
    cached = known_of(model, inputs, inside_blocks=True)
    edits = Edits(channels={"trunk.4.conv1": {7: 0.0}})
    assert computed_layers(model, inputs, edits, cached) == 5  # conv2, a block, merge, tail
    expected = run_edited(model, inputs, edits)
    assert (run_edited(model, inputs, edits, cached) - expected).abs().max() < TOLERANCE


def test_an_activation_in_place_does_not_spoil_what_is_known():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 3)).eval()
    image = torch.rand(1, 3, 12, 12)
    cached = known_of(model, [image])
    before = cached["0"].clone()
    run_edited(model, [image], Edits(channels={"2": {0: 0.0}}), {"0": cached["0"]})
    assert torch.equal(cached["0"], before)


def test_two_threads_with_edits_of_their_own_never_meet(photos):
    model, inputs = load_model("denoise"), inputs_of("denoise", photos)
    cached = known_of(model, inputs)
    edits = {
        "first": Edits(channels={"up.0": {0: 0.0, 1: 2.0}}),
        "second": Edits(blocks={"decoder.1.0": 0.0}, skips={UNET_SKIP: 0.0}),
    }
    alone = {name: run_edited(model, inputs, own, cached) for name, own in edits.items()}
    plain = model(*inputs)
    together, results = threading.Barrier(3), {"first": [], "second": [], "untouched": []}

    def visit(name):
        for _ in range(4):
            together.wait(timeout=60)
            with torch.no_grad():
                results[name].append(
                    run_edited(model, inputs, edits[name], cached)
                    if name in edits
                    else model(*inputs)
                )

    threads = [threading.Thread(target=visit, args=(name,)) for name in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, expected in (*alone.items(), ("untouched", plain)):
        assert len(results[name]) == 4
        assert all((result - expected).abs().max() < TOLERANCE for result in results[name])


def test_nothing_is_left_on_the_shared_network(photos):
    model, inputs = load_model("deblur"), inputs_of("deblur", photos)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run_edited(model, inputs, Edits(channels={"head": {0: 0.0}}, blocks={"bottom.0": 0.0}))
    with pytest.raises(RuntimeError):
        run_edited(model, [torch.zeros(1, 5, 8, 8)] * 2, Edits(blocks={"bottom.0": 0.0}))
    for module in model.modules():
        assert not module._forward_hooks
        assert "forward" not in vars(module)
    assert all(torch.equal(model.state_dict()[name], weights[name]) for name in weights)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_layer_in_place_of_another_is_given_the_same(photos):
    model, inputs = load_model("upscale_x4"), inputs_of("upscale_x4", photos)
    cached, given, hooked = known_of(model, inputs), [], []
    twin = copy.deepcopy(model)
    twin.tail.register_forward_pre_hook(lambda _module, values: hooked.append(values[0]))
    with torch.no_grad():
        plain = twin(*inputs)

    def instead(features):
        given.append(features)
        return model.tail(features) * 2

    doubled = run_edited(model, inputs, Edits(layers={"tail": instead}), cached)
    expected = 2 * plain - bicubic_upscale(inputs[0], 4)
    assert (doubled - expected).abs().max() < TOLERANCE
    torch.testing.assert_close(given[0], hooked[0], atol=TOLERANCE, rtol=0)
    for activations in (cached, {}):
        read = layer_input(model, inputs, "tail", activations)
        torch.testing.assert_close(read, hooked[0], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("task_id", TASKS)
def test_skip_connections_are_found_in_the_network(task_id, photos):
    model, inputs = load_model(task_id), inputs_of(task_id, photos)
    skips = list_skips(map_network(model, *inputs))
    assert skips[-1] == IMAGE_SKIP
    if task_id.startswith("upscale"):
        reader = "up.0" if task_id == "upscale_x4" else "tail"
        assert skips[:-1] == [Skip(source="head", target=reader, main="merge")]
    else:
        assert skips[:-1] == [
            Skip(source=f"encoder.{n}.1", target=f"decoder.{n}.0", main=f"up.{n}")
            for n in (2, 1, 0)
        ]


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (Edits(channels={"heads": {0: 0.0}}), "no layer 'heads'.*head"),
        (Edits(channels={"head": {99: 0.0}}), "head has 4 channels, not 99"),
        (Edits(blocks={"": 0.0}), "no layer ''"),
        (Edits(blocks={"up.0": 0.0}), r"up\.0 makes .* of .*keeps the shape"),
        (Edits(skips={Skip(source="a", target="tail", main="merge"): 0.0}), "no layer 'a'"),
        (Edits(skips={Skip(source="<input>", target=OUTPUT, main="b"): 0.0}), "no layer 'b'"),
    ],
)
def test_what_cannot_be_edited_is_said(edits, message, random_image):
    model = DeconvUpscaler(channels=4, blocks=1, scale=4)
    with pytest.raises(ValueError, match=message):
        run_edited(model, [random_image(8, 8)], edits)
