"""Export of a layer: a caption for its maps, arrays, and lines of code."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from deconv_demo.restoration import load_model
from deconv_demo.ui.inside.activations import Activations
from deconv_demo.ui.inside.crop_session import LayerView, condition_of
from deconv_demo.ui.inside.maps_data import GridOptions
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import FileStore, Workspace, get_url

_CODE = """\
import torch
from PIL import Image

from deconv_demo.inspection import feature_grid_image, order_by_energy, record_feature_maps
from deconv_demo.pictures import open_picture, to_image, visible_pixels
from deconv_demo.restoration import {imports}

pixels = visible_pixels(open_picture({given!r}))
left, top, right, bottom = crop = {crop}
image = to_image(Image.fromarray(pixels[top:bottom, left:right]))
{condition}model = load_model({task_id!r})
with torch.inference_mode(), record_feature_maps(model, [{layer!r}]) as recorded:
    model({inputs})
maps = recorded[{layer!r}][0]  # ({channels}, {height}, {width})
atlas, limits = feature_grid_image(maps, {order}, columns=8, tile=96, common_scale={common})
atlas.save({saved!r})
"""

_GUIDE_CODE = """\
guide = to_image(Image.fromarray(wiener_guide_crop(pixels, crop)))  # its blur undone
"""
_TOLD_GUIDE_CODE = """\
guide = to_image(Image.fromarray(wiener_guide_crop(pixels, crop, kernel)))  # its blur undone
"""


def take_value(
    workspace: Workspace, view: LayerView, options: GridOptions, language: str
) -> dict[str, Any]:
    """Return the data for exporting a layer: captions, names and the code."""
    left, top, right, bottom = view.crop
    task = text(language, f"task.short.{workspace.task_id}")
    settings = [
        text(language, f"inside.scale.{options.scale}"),
        text(language, f"inside.order.{options.order}"),
    ]
    if "sigma" in workspace.facts:
        sigma = f"{workspace.facts['sigma'] * 255:.1f}"
        settings.insert(0, text(language, "facts.sigma", sigma=sigma))
    keys = ("summary", "atlas", "one", "all", "given", "copy", "copied", "note", "code_text")
    return {
        "title": f"Deconv Lab · {task} · {view.facts.name}",
        "lines": [
            text(
                language,
                "inside.take.picture",
                name=workspace.network_input.name,
                width=right - left,
                height=bottom - top,
                left=left,
                top=top,
            ),
            text(
                language,
                "inside.count",
                channels=view.facts.channels,
                width=view.facts.width,
                height=view.facts.height,
            )
            + " · "
            + " · ".join(settings),
        ],
        "atlas_name": f"{_stem(workspace, view)}.png",
        "given_address": get_url(workspace.network_input),
        "given_name": workspace.network_input.name,
        "code": code_lines(workspace, view, options),
        **{key: text(language, f"inside.take.{key}") for key in keys},
    }


def code_lines(workspace: Workspace, view: LayerView, options: GridOptions) -> str:
    """Return lines of Python that draw the same maps from the input image.

    They run from the root of the repository, with the picture beside them.
    """
    model, inputs, condition = load_model(workspace.task_id), "image", ""
    imports = "load_model"
    if model.noise_level_map:
        inputs += ", sigma"
        imports = "Condition, level_map, load_model"
        told = condition_of(workspace)
        condition = (
            f"told = Condition(level={told.level!r}, by_brightness={told.by_brightness!r})\n"
        )
        condition += "sigma = level_map(image, told)\n"
    elif model.guided:
        inputs += ", guide"
        imports = "load_model, wiener_guide_crop"
        condition = _GUIDE_CODE
        # Of a cut-out the blur is read where it is opaque, which these lines do not know.
        if workspace.facts.get("told_blur") or _has_alpha(workspace.network_input):
            kernel = workspace.facts["blur_kernel"] or [[1]]
            imports = "known_kernel, load_model, wiener_guide_crop"
            condition = f"kernel = known_kernel({kernel!r})\n{_TOLD_GUIDE_CODE}"
    return _CODE.format(
        given=workspace.network_input.name,
        crop=view.crop,
        imports=imports,
        task_id=workspace.task_id,
        layer=view.facts.name,
        inputs=inputs,
        condition=condition,
        channels=view.facts.channels,
        height=view.facts.height,
        width=view.facts.width,
        order="order_by_energy(maps)" if options.order == "energy" else "range(len(maps))",
        common=options.scale == "common",
        saved=f"{_stem(workspace, view)}.png",
    )


def write_activations(
    workspace: Workspace,
    view: LayerView,
    activations: Activations | None,
    store: FileStore,
) -> Path:
    """Write maps as a NumPy archive with an array ``(C, h, w)`` for each layer, under its name.

    Args:
        workspace: Workspace after which the file is named.
        view: The chosen layer.
        activations: Activations of all nodes to write, in float16; None writes the chosen layer
            alone, in float32.
        store: Store that writes the file.
    """
    if activations is None:
        arrays = {view.facts.name: view.maps.numpy()}
        path = store.new_path(f"{_stem(workspace, view)}.npz")
    else:
        arrays = {
            name: maps[0].to(torch.float16).numpy() for name, maps in activations.outputs.items()
        }
        path = store.new_path(f"{workspace.name}-{workspace.task_id}-activations.npz")
    np.savez(path, **arrays)
    return path


def _has_alpha(path: Path) -> bool:
    with Image.open(path) as picture:
        return "A" in picture.mode


def _stem(workspace: Workspace, view: LayerView) -> str:
    return f"{workspace.name}-{workspace.task_id}-{view.facts.name}"
