"""The crop session of the Look inside tab: a crop, a network, and its cached activations."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from deconv_demo.degradations import IDENTITY_KERNEL
from deconv_demo.inspection import LayerFacts, MapNode, NetworkMap, map_network
from deconv_demo.networks import blank_inputs
from deconv_demo.pictures import open_picture, to_image, visible_pixels
from deconv_demo.restoration import Condition, level_map, load_model, scaled, wiener_guide_crop
from deconv_demo.tasks import TASKS
from deconv_demo.ui.inside.activations import Activations, ActivationStore, record_activations
from deconv_demo.ui.workspace import Workspace

MAX_CROP = 256
# Activations of all visitors; the name of a session tells whose they are.
STORE = ActivationStore()


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """One layer for one crop.

    Attributes:
        facts: Statistics of the layer.
        node: Node of the network's map that is or holds the layer.
        maps: ``(C, h, w)`` float32.
        crop: Left, top, right and bottom of the part of the picture that was run.
    """

    facts: LayerFacts
    node: MapNode
    maps: Tensor
    crop: tuple[int, int, int, int]


def has_result(workspace: Workspace) -> bool:
    """Return whether there is a network input whose file has not been cleaned away yet."""
    return workspace.network_input is not None and Path(workspace.network_input).exists()


def load_crop(workspace: Workspace, corner: tuple[int, int] | None = None) -> Image.Image:
    """Return the crop of the input image, at most 256 a side.

    Args:
        workspace: Workspace with a result.
        corner: Left and top of the crop; moved into the picture where it would extend beyond.
            None takes the middle.

    Returns:
        The same object for every caller: do not draw on it.
    """
    return _crop(str(workspace.network_input), get_crop_box(workspace, corner))


# A file is never written twice, and otherwise every edit would decode it again.
@lru_cache(maxsize=32)
def _crop(path: str, box: tuple[int, int, int, int]) -> Image.Image:
    return open_picture(path).crop(box)


def crop_box(
    size: tuple[int, int], corner: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the crop of a picture of ``size``.

    >>> crop_box((400, 100)), crop_box((400, 100), (390, -5))
    ((72, 0, 328, 100), (144, 0, 400, 100))
    """
    sides = [min(side, MAX_CROP) for side in size]
    if corner is None:
        corner = tuple((whole - cut) // 2 for whole, cut in zip(size, sides, strict=True))
    left, top = (
        min(max(int(start), 0), whole - cut)
        for start, whole, cut in zip(corner, size, sides, strict=True)
    )
    return left, top, left + sides[0], top + sides[1]


def get_crop_box(
    workspace: Workspace, corner: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the crop of the input image."""
    return crop_box(input_size(str(workspace.network_input)), corner)


def padded_size(workspace: Workspace, corner: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return width and height of the crop as padded for the network.

    Its sides are multiples of the total stride; the last row and column are repeated up to there,
    and the padding of the output is cut off again.
    """
    left, top, right, bottom = get_crop_box(workspace, corner)
    multiple = load_model(workspace.task_id).size_multiple
    return tuple(-(-side // multiple) * multiple for side in (right - left, bottom - top))


@lru_cache(maxsize=256)
def input_size(path: str) -> tuple[int, int]:
    """Return width and height of an input image, from its header alone."""
    with Image.open(path) as picture:
        return picture.size


def run_inputs(workspace: Workspace, corner: tuple[int, int] | None = None) -> list[Tensor]:
    """Return the network's inputs for the crop: the image and the condition, if any.

    Returns:
        ``(1, 3, h, w)`` in channels-last order; for a network with a noise-level map also the
        level, ``(1,)`` or, where it depends on the brightness, ``(1, 1, h, w)``; for a guided one
        the guide, as large as the image. All are float32, though a run on the whole picture may use
        fewer bits: inspected values should not be rounded.
    """
    model, path = load_model(workspace.task_id), str(workspace.network_input)
    box = get_crop_box(workspace, corner)
    seen = _seen(path, box)
    if workspace.facts.get("tinted"):
        seen = np.repeat(np.rint(seen.mean(axis=-1, keepdims=True)).astype(np.uint8), 3, axis=-1)
    image = _image(seen)
    if model.noise_level_map:
        return [image, level_map(image, condition_of(workspace))]
    return [image, _image(_guide(path, box, _told(workspace)))] if model.guided else [image]


def condition_of(workspace: Workspace) -> Condition:
    """Return what the network was told in the last run, of which the record is kept."""
    levels = workspace.facts.get("level_by_brightness")
    strength = workspace.facts.get("strength", 1.0)
    return Condition(
        level=TASKS[workspace.task_id].level_of(workspace.facts),
        by_brightness=None if levels is None else scaled(levels, strength),
    )


def _told(workspace: Workspace) -> str:
    """Return the kernel of the last run as text, which can be a key; empty for no blur."""
    kernel = workspace.facts.get("blur_kernel")
    return "" if kernel is None else json.dumps(kernel)


def _image(pixels: np.ndarray) -> Tensor:
    return to_image(Image.fromarray(pixels)).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=32)
def _seen(path: str, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    return np.ascontiguousarray(_whole(path)[top:bottom, left:right])


@lru_cache(maxsize=32)
def _guide(path: str, box: tuple[int, int, int, int], told: str) -> np.ndarray:
    kernel = torch.tensor(json.loads(told)) if told else IDENTITY_KERNEL
    return wiener_guide_crop(_whole(path), box, kernel)


# As the network gets it. One is enough for a visitor who moves about in it; a large one has 150 MB.
@lru_cache(maxsize=1)
def _whole(path: str) -> np.ndarray:
    return visible_pixels(open_picture(path))


def view_key(workspace: Workspace, corner: tuple[int, int] | None) -> str:
    """Return a short name for one crop in one network, which no other has."""
    return f"{hash(_key(workspace, corner)):x}"


def get_layers(workspace: Workspace) -> list[LayerFacts]:
    """Return the layers of the network last used, in order of execution."""
    nodes = get_network_map(workspace).nodes
    return [facts for node in nodes for facts in (*node.inner, node.facts)]


def get_network_map(workspace: Workspace) -> NetworkMap:
    """Return nodes and edges of the network last used."""
    left, top, right, bottom = get_crop_box(workspace)
    return network_map_for(workspace.task_id, right - left, bottom - top)


@lru_cache(maxsize=32)
def network_map_for(task_id: str, width: int, height: int) -> NetworkMap:
    """Return nodes and edges of the network of a task for inputs of a size."""
    model = load_model(task_id)
    return map_network(model, *blank_inputs(model, height, width))


def kept_activations(
    visitor: str, workspace: Workspace, corner: tuple[int, int] | None = None
) -> Activations | None:
    """Return the recorded activations of the crop, None where it has to be run (again)."""
    return STORE.get(visitor, _key(workspace, corner))


def is_kept(visitor: str, workspace: Workspace, corner: tuple[int, int] | None = None) -> bool:
    """Return whether everything about the crop can be shown without running the network."""
    return has_result(workspace) and kept_activations(visitor, workspace, corner) is not None


def compute_activations(
    visitor: str, workspace: Workspace, corner: tuple[int, int] | None = None
) -> Activations:
    """Return the activations for the crop, and run the network only if they are not kept.

    Args:
        visitor: Name of the session.
        workspace: Workspace with a result.
        corner: Corner of the crop, see ``load_crop``.
    """
    kept = kept_activations(visitor, workspace, corner)
    if kept is None:
        model = load_model(workspace.task_id)
        kept = record_activations(model, get_network_map(workspace), run_inputs(workspace, corner))
        STORE.put(visitor, _key(workspace, corner), kept)
    return kept


def _key(workspace: Workspace, corner: tuple[int, int] | None) -> tuple:
    # An input file is never written twice, and its path is that of one visitor.
    box = get_crop_box(workspace, corner)
    return workspace.task_id, str(workspace.network_input), box, told_key(workspace)


def told_key(workspace: Workspace) -> tuple:
    """Return what the network was told in the last run, as a key."""
    levels = tuple(workspace.facts.get("level_by_brightness") or ())
    return TASKS[workspace.task_id].level_of(workspace.facts), levels, _told(workspace)


def view_layer(
    workspace: Workspace,
    layer_name: str,
    activations: Activations,
    corner: tuple[int, int] | None = None,
) -> LayerView:
    """Return one layer of recorded activations.

    Raises:
        ValueError: The network has no such layer.
    """
    facts = next((f for f in get_layers(workspace) if f.name == layer_name), None)
    if facts is None:
        raise ValueError(f"{workspace.task_id} has no layer {layer_name!r}")
    node = get_network_map(workspace).get_node(layer_name)
    maps = activations.maps(load_model(workspace.task_id), node, layer_name)
    return LayerView(facts=facts, node=node, maps=maps, crop=get_crop_box(workspace, corner))
