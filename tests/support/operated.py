"""What the tests of surgery operate on, and edits of weights made by hand."""

import torch
from torch import nn

from deconv_demo.inspection.feature_maps import record_feature_maps
from deconv_demo.inspection.layer_stats import summarize_layers


def inputs_of(task_id, photos):
    image = photos["astronaut"][..., :40, :48].contiguous(memory_format=torch.channels_last)
    told = {"denoise": [torch.tensor([25 / 255])], "deblur": [image.flip(-1)]}
    told["jpeg"] = told["denoise"]
    return [image, *told.get(task_id, [])]


def nodes_of(model, inputs, *, inside_blocks=False):
    """What a page would keep: blocks and the convolutions outside of them."""
    layers = summarize_layers(model, *inputs)
    blocks = [layer.name for layer in layers if layer.kind == "block"]
    return [
        layer.name
        for layer in layers
        if inside_blocks or not any(layer.name.startswith(f"{block}.") for block in blocks)
    ]


def known_of(model, inputs, **options):
    names = nodes_of(model, inputs, **options)
    with torch.no_grad(), record_feature_maps(model, names) as maps:
        model(*inputs)
    return {name: maps[name] for name in names}


def scale_channel(layer, channel, factor):
    """Edit the weights themselves: the oracle of a scaled channel of a convolution."""
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    layer.weight.select(axis, channel).mul_(factor)
    if layer.bias is not None:
        layer.bias[channel] *= factor
