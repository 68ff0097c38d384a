"""Working the Look inside tab in a browser, and the same maps from PyTorch alone."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from deconv_demo.restoration.weights import load_model

CHANNELS = "maps => maps.map(map => Number(map.dataset.channel))"


def maps_of(task_id, pixels, layer_name, *, sigma=None):
    """The output of one layer, taken with a hook of PyTorch alone: ``(C, h, w)``.

    ``sigma`` is a number, or the map of it that the network is given.
    """
    model, kept = load_model(task_id), []
    layer = model.get_submodule(layer_name)
    handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255
    image = image.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            told = torch.tensor([sigma]) if isinstance(sigma, float) else sigma
            model(image, *([] if told is None else [told]))
    finally:
        handle.remove()
    return kept[0][0].numpy()


def wait_for_layer(page, name):
    page.wait_for_function(
        "name => document.querySelector('#layer input').value.includes(` ${name} `)", arg=name
    )


def shown_picture(page, selector):
    """The pixels of a picture that a component shows, as they were sent."""
    encoded = page.locator(selector).evaluate("image => image.src.split(',')[1]")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.array(picture.convert("RGB"))


def pick(page, name):
    """Click a node of the map and wait for its maps."""
    page.click(f".network-node[data-layer='{name}']")
    wait_for_maps(page, name)


def wait_for_maps(page, name):
    page.wait_for_selector(f".inside-grid[aria-label$=' {name}']")
    wait_for_layer(page, name)
