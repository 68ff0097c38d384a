"""Data of the ablation section: a crop, its network, and edits from the browser."""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from deconv_demo.classical import psnr
from deconv_demo.inspection import (
    ChannelLoss,
    Edits,
    NetworkMap,
    Skip,
    count_reusable,
    feature_grid_image,
    list_skips,
    order_by_loss,
    rank_channels,
    run_edited,
)
from deconv_demo.networks import crop_inputs
from deconv_demo.pictures import open_picture, to_image, to_uint8
from deconv_demo.restoration import load_model
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import Activations, record_activations
from deconv_demo.ui.workspace import Workspace

# An upscaler works at low resolution, and its output is limited to the pixels that fit a screen.
UPSCALED_CROP = 128
TILE, COLUMNS = 48, 16
MAX_FACTOR = 2.0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The network and the crop of an ablation.

    Attributes:
        key: Unique key: the browser forgets its edits when it changes.
        model: The network.
        network_map: Map of the network for this crop.
        inputs: Arguments of its forward pass.
        activations: Outputs of every layer.
        truth: Ground truth of the output, ``(1, 3, H, W)``; None where it is unknown.
        skips: The skip connections that can be cut.
    """

    key: str
    model: nn.Module
    network_map: NetworkMap
    inputs: list[Tensor]
    activations: Activations
    truth: Tensor | None
    skips: list[Skip]


def load_subject(
    visitor: str, workspace: Workspace, corner: tuple[int, int] | None = None
) -> Subject:
    """Return the subject of a visitor's ablation: the crop, or its middle for an upscaler.

    Args:
        visitor: Name of the session for which activations are kept.
        workspace: Workspace with a result.
        corner: Corner of the crop, see ``crop_session.load_crop``.
    """
    model = load_model(workspace.task_id)
    left, top, right, bottom = box = _box(workspace, corner)
    whole = crop_session.get_crop_box(workspace, corner)
    inputs = _inputs(workspace, corner, box)
    network_map = crop_session.network_map_for(workspace.task_id, right - left, bottom - top)
    if box == whole:
        activations = crop_session.compute_activations(visitor, workspace, corner)
    else:
        key = ("surgery", workspace.task_id, str(workspace.network_input), box)
        activations = crop_session.STORE.get(visitor, key)
        if activations is None:
            activations = record_activations(model, network_map, inputs)
            crop_session.STORE.put(visitor, key, activations)
    named = (workspace.task_id, str(workspace.network_input), box)
    named = (*named, *crop_session.told_key(workspace))
    return Subject(
        key=hashlib.sha256(repr(named).encode()).hexdigest()[:16],
        model=model,
        network_map=network_map,
        inputs=inputs,
        activations=activations,
        truth=_truth(workspace, box, activations.restored),
        skips=list_skips(network_map),
    )


def edits_from(sent: Any, subject: Subject) -> Edits:
    """Parse the edits that a browser sent.

    Raises:
        ValueError: They name unknown parts of the network, or a factor is not from 0 to 2.
    """
    if not isinstance(sent, Mapping):
        raise ValueError("edits must be a mapping")
    names = {facts.name for node in subject.network_map.nodes for facts in _all_facts(node)}
    blocks = {node.facts.name for node in subject.network_map.nodes if node.inner}
    skips = {_skip_id(skip): skip for skip in subject.skips}
    channels = {
        _get_one(layer, names): {int(channel): _factor(f) for channel, f in factors.items()}
        for layer, factors in sent.get("channels", {}).items()
    }
    return Edits(
        channels=channels,
        skips={skips[_get_one(k, skips)]: _factor(f) for k, f in sent.get("skips", {}).items()},
        blocks={_get_one(k, blocks): _factor(f) for k, f in sent.get("blocks", {}).items()},
    )


def view_key(subject: Subject, layer_name: str | None) -> str:
    """Return a key that distinguishes one ``ablation_view`` from another."""
    return f"{subject.key} {_get_layer(subject, layer_name)}"


def ablation_view(subject: Subject, layer_name: str | None) -> dict[str, Any]:
    """Return the parts that can be switched off, and the original output, for the browser."""
    nodes = subject.network_map.nodes
    cached = {facts.name for node in nodes for facts in _all_facts(node)}
    name = _get_layer(subject, layer_name)
    node = subject.network_map.get_node(name)
    maps = subject.activations.maps(subject.model, node, name)
    sheet, _ = feature_grid_image(
        maps, range(len(maps)), columns=COLUMNS, tile=TILE, common_scale=False, gap=0
    )
    baseline_output = subject.activations.restored
    value = {
        "state": view_key(subject, name),
        "subject": subject.key,
        "layer": name,
        "channels": len(maps),
        "atlas": {
            "picture": data_url(sheet),
            "columns": COLUMNS,
            "rows": -(-len(maps) // COLUMNS),
        },
        "blocks": [{"id": node.facts.name} for node in nodes if node.inner],
        "skips": [
            {
                "id": _skip_id(skip),
                "source": skip.source,
                "target": skip.target,
                "image": skip.source not in cached,
            }
            for skip in subject.skips
        ],
        "untouched": _url(baseline_output),
        "layers": len(nodes),
        "size": [subject.inputs[0].shape[-1], subject.inputs[0].shape[-2]],
    }
    if subject.truth is not None:
        value["truth"] = _finite(psnr(baseline_output.clamp(0, 1), subject.truth))
    return value


def operate(subject: Subject, edits: Edits) -> dict[str, Any]:
    """Run the edited network, and return its output and the distance from the original one."""
    started = time.perf_counter()
    cached = subject.activations.outputs
    output = run_edited(subject.model, subject.inputs, edits, cached).clamp(0, 1)
    seconds = time.perf_counter() - started
    result = {
        "subject": subject.key,
        "picture": _url(output),
        "psnr": _finite(psnr(output, subject.activations.restored.clamp(0, 1))),
        "seconds": seconds,
        "kept": count_reusable(list(cached), edits),
        "layers": len(cached),
    }
    if subject.truth is not None:
        result["truth"] = _finite(psnr(output, subject.truth))
    return result


def rank(subject: Subject, layer_name: str) -> Iterator[dict[str, Any]]:
    """Yield the losses of the channels of a layer measured so far, the largest first."""
    cached = subject.activations.outputs
    facts = next(
        facts
        for node in subject.network_map.nodes
        for facts in _all_facts(node)
        if facts.name == layer_name
    )
    losses = []
    ranking = rank_channels(
        subject.model,
        subject.inputs,
        layer_name,
        cached=cached,
        baseline_output=subject.activations.restored,
        truth=subject.truth,
    )
    for loss in ranking:
        losses.append(loss)
        yield {
            "subject": subject.key,
            "layer": layer_name,
            "done": len(losses),
            "total": facts.channels,
            "truth": subject.truth is not None,
            "losses": [_loss_value(one) for one in order_by_loss(losses)],
        }


def _loss_value(loss: ChannelLoss) -> dict[str, Any]:
    value = {"channel": loss.channel, "psnr": _finite(loss.psnr_db)}
    if loss.drop_db is None:
        # The bar is as long as the error is large.
        return {**value, "loss": 10 ** (-loss.psnr_db / 20)}
    return {**value, "drop": loss.drop_db, "loss": max(loss.drop_db, 0.0)}


def _inputs(
    workspace: Workspace, corner: tuple[int, int] | None, box: tuple[int, int, int, int]
) -> list[Tensor]:
    """Return the network's inputs for a part of the crop."""
    left, top, _, _ = crop_session.get_crop_box(workspace, corner)
    rows, columns = slice(box[1] - top, box[3] - top), slice(box[0] - left, box[2] - left)
    return crop_inputs(crop_session.run_inputs(workspace, corner), rows, columns)


def _box(workspace: Workspace, corner: tuple[int, int] | None) -> tuple[int, int, int, int]:
    left, top, right, bottom = crop_session.get_crop_box(workspace, corner)
    if getattr(load_model(workspace.task_id), "scale", 1) == 1:
        return left, top, right, bottom
    sides = [min(side, UPSCALED_CROP) for side in (right - left, bottom - top)]
    left, top = (left + right - sides[0]) // 2, (top + bottom - sides[1]) // 2
    return left, top, left + sides[0], top + sides[1]


def _truth(workspace: Workspace, box: tuple[int, int, int, int], restored: Tensor) -> Tensor | None:
    if workspace.truth is None or not workspace.truth.exists():
        return None
    scale = restored.shape[-1] // (box[2] - box[0])
    return _truth_part(str(workspace.truth), str(workspace.network_input), box, scale)


# A file is never written twice, and otherwise each click would read it again.
@lru_cache(maxsize=8)
def _truth_part(path: str, given: str, box: tuple[int, int, int, int], scale: int) -> Tensor | None:
    truth = open_picture(path)
    width, height = crop_session.input_size(given)
    if truth.size != (width * scale, height * scale):
        return None
    return to_image(truth.crop(tuple(scale * side for side in box)))


def _get_layer(subject: Subject, layer_name: str | None) -> str:
    """Return the chosen layer, or the first one of a network that has no such layer."""
    nodes = subject.network_map.nodes
    cached = {facts.name for node in nodes for facts in _all_facts(node)}
    return layer_name if layer_name in cached else nodes[0].facts.name


def _all_facts(node) -> tuple:
    return (*node.inner, node.facts)


def _skip_id(skip: Skip) -> str:
    return f"{skip.source} {skip.target}"


def _get_one(name: Any, names) -> str:
    if name not in names:
        raise ValueError(f"this network has no {str(name)[:60]!r} that could be edited")
    return name


def _factor(sent: Any) -> float:
    factor = float(sent)
    if not 0 <= factor <= MAX_FACTOR:
        raise ValueError(f"a factor must be from 0 to {MAX_FACTOR}, got {factor}")
    return factor


def _url(image: Tensor) -> str:
    return data_url(to_uint8(image))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
