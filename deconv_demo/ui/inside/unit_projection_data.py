"""Data of the projection of a unit of a network back to the input image."""

import math
from typing import Any

from torch import Tensor

from deconv_demo.inspection import PROJECTIONS, backproject_unit, receptive_window
from deconv_demo.restoration import load_model
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.receptive_field_data import Window, get_image_url, get_sides
from deconv_demo.ui.workspace import Workspace

# Smallest side of the patch of the picture around it.
MIN_PATCH = 24


def projection_value(
    workspace: Workspace,
    corner: tuple[int, int] | None,
    layer_name: str,
    *,
    channel: int,
    row: int,
    column: int,
) -> dict[str, Any]:
    """Return the projections of a unit: picture, deconvnet and gradient, cropped to their extent.

    Raises:
        ValueError: There is no such layer or unit.
    """
    model = load_model(workspace.task_id)
    inputs = crop_session.run_inputs(workspace, corner)
    unit = {"channel": channel, "row": row, "column": column}
    window = receptive_window(model, layer_name, *inputs, row=row, column=column)
    deconvnet, gradient = (
        backproject_unit(model, inputs, layer_name, **unit, method=method) for method in PROJECTIONS
    )
    rows, columns = (
        _patch(side, length)
        for side, length in zip(_felt(deconvnet, gradient), inputs[0].shape[-2:], strict=True)
    )
    return {
        "layer": layer_name,
        **unit,
        "patch": get_image_url(inputs[0][..., rows, columns]),
        "deconvnet": _signed_url(deconvnet[:, rows, columns]),
        "gradient": _signed_url(gradient[:, rows, columns]),
        "size": [columns.stop - columns.start, rows.stop - rows.start],
        "sees": get_sides(window),
        "silent": not bool(deconvnet.any()),
    }


def _signed_url(values: Tensor) -> str:
    limit = float(values.abs().max()) or 1.0
    return get_image_url((values / limit / 2 + 0.5).unsqueeze(0))


def _felt(*projections: Tensor) -> Window:
    """Return the window in which a projection exceeds a fiftieth of its strongest value."""
    strong = sum(
        (projection.abs() > projection.abs().max() / 50).any(dim=0) for projection in projections
    )
    sides = [strong.any(dim=1 - axis).nonzero().flatten() for axis in (0, 1)]
    rows, columns = (
        range(int(side[0]), int(side[-1]) + 1) if len(side) else range(1) for side in sides
    )
    return rows, columns


def _patch(side: range, length: int) -> slice:
    missing = max(0, MIN_PATCH - len(side))
    start, stop = side[0] - missing // 2, side[-1] + 1 + math.ceil(missing / 2)
    return slice(max(0, start), min(length, stop))
