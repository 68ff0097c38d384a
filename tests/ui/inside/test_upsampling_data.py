"""The bad twin of a transposed convolution, and how often its output pixels are written."""

import pytest
import torch
from torch import nn

from deconv_demo.convolution.checkerboard import checkerboard_db
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS
from deconv_demo.ui.inside.upsampling_data import (
    layer_overlap_ratio,
    overlap_counts,
    transposed_layers,
    uneven_layer,
)


@pytest.mark.parametrize("task_id", TASKS)
def test_every_layer_is_even_and_every_twin_is_not(task_id):
    model = load_model(task_id)
    names = transposed_layers(model)
    assert set(names) == {
        name for name, m in model.named_modules() if isinstance(m, nn.ConvTranspose2d)
    }
    for name in names:
        layer = model.get_submodule(name)
        twin = uneven_layer(layer)
        assert (layer_overlap_ratio(layer), layer_overlap_ratio(twin)) == (1, 4)
        maps = torch.zeros(1, layer.in_channels, 6, 5)
        assert twin(maps).shape == layer(maps).shape
        assert not any(parameter.requires_grad for parameter in twin.parameters())


@pytest.mark.parametrize("settings", [(2, 2, 0, 0), (4, 2, 1, 0), (3, 2, 1, 1), (5, 3, 2, 2)])
def test_overlap_is_counted_pixel_by_pixel(settings):
    kernel, stride, padding, extra = settings
    layer = nn.ConvTranspose2d(1, 1, kernel, stride, padding, output_padding=extra)
    counts = overlap_counts(layer, 5).int()
    for row, line in enumerate(counts.tolist()):
        for column, count in enumerate(line):
            writers = [
                sum(0 <= at + padding - stride * n < kernel for n in range(5))
                for at in (row, column)
            ]
            assert count == writers[0] * writers[1]


def test_a_twin_keeps_the_mean_of_flat_maps_and_adds_a_grid():
    layer = nn.ConvTranspose2d(3, 3, kernel_size=2, stride=2)
    with torch.no_grad():
        layer.weight.fill_(0.25)
    flat = torch.ones(1, 3, 40, 40)
    twin = uneven_layer(layer)(flat)[..., 4:-4, 4:-4]
    assert twin.mean().item() == pytest.approx(layer(flat).mean().item(), rel=0.02)
    noise = torch.randn(1, 3, 40, 40)
    assert checkerboard_db(uneven_layer(layer)(flat + 0.1 * noise), 2) > 20
