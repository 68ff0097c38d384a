"""Four names, one operator: the run of the stepper computed in every way, against PyTorch."""

from typing import Any

import gradio as gr
import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.convolution import equivalents, scatter
from deconv_demo.ui.event_options import UNQUEUED
from deconv_demo.ui.lab.presets import PRESETS, Run, as_json, read_run
from deconv_demo.ui.lab.section import ScriptedSection

_SCRIPTS = ("transposed.js", "drawn_arrays.js", "names.js")


class NamesSection(ScriptedSection):
    """The second section of the lab: one card for each name of the operator."""

    name = "lab.names"
    prefix = "lab.names."

    def build(self) -> None:
        """Build the layout, with the run that the stepper opens with."""
        first = compare_names(next(iter(PRESETS.values())))
        self.names = self.build_panel("names", _SCRIPTS, first)

    def wire(self) -> None:
        """Connect the events: the script requests a comparison when visible and the run is new."""
        self.names.ask(
            self._compare,
            None,
            self.names,
            **UNQUEUED,
        )

    @staticmethod
    def _compare(event: gr.EventData) -> Any:
        try:
            return compare_names(read_run(event.run))
        except (ValueError, AttributeError, TypeError):  # data that the page's script does not send
            return gr.skip()


def compare_names(run: Run) -> dict[str, Any]:
    """Compute a run under each name in float32, as networks do, and compare with PyTorch.

    Only the scatter loop adds up in float64; its result is rounded once.

    Returns:
        Plain JSON values: ``run``; ``output``, rows of PyTorch's result; ``ways``, a name
        to its rows, its largest absolute ``difference`` from PyTorch and its shape; the data of
        the pictures of the ways; and ``classic``, the three operators of one array at stride 1,
        that of the run unless its kernel is symmetric under a rotation by 180 degrees.

    >>> compared = compare_names(PRESETS["ones"])
    >>> {name: way["difference"] for name, way in compared["ways"].items()}
    {'scatter': 0.0, 'zeros': 0.0, 'matrix': 0.0, 'shuffle': 0.0, 'gradient': 0.0}
    """
    x, kernel = (torch.tensor(rows, dtype=torch.float32) for rows in (run.x, run.kernel))
    given, settings = (x[None], kernel[None, None]), run.settings
    expected = F.conv_transpose2d(x[None, None], given[1], **settings)[0]
    painted = scatter(*(array.numpy() for array in given), **settings)
    results = {
        "scatter": torch.from_numpy(painted).float(),
        "zeros": equivalents.by_zero_insertion(*given, **settings),
        "matrix": equivalents.by_matrix(*given, **settings),
        "shuffle": equivalents.by_pixel_shuffle(*given, **settings),
        "gradient": equivalents.by_gradient(*given, **settings),
    }
    phases = equivalents.phase_kernels(given[1], stride=run.stride, dilation=run.dilation)
    return {
        "run": as_json(run),
        "output": _rows(expected[0]),
        "ways": {
            name: {"rows": _rows(result[0]), "difference": _difference(result, expected)}
            for name, result in results.items()
        },
        "spread": _rows(equivalents.insert_zeros(*given, **settings)[0]),
        "phases": [_rows(phase[0]) for phase in phases],
        "classic": _classic(run),
    }


def _classic(run: Run) -> dict[str, Any]:
    x, kernel = (torch.tensor(rows, dtype=torch.float32) for rows in (run.x, run.kernel))
    if torch.equal(kernel, kernel.flip(0, 1)):
        # All three would be equal.
        return {**_classic(PRESETS["columns"]), "borrowed": True}
    border = len(kernel) - 1
    results = {
        "correlation": equivalents.correlate(x, kernel, padding=border),
        "convolution": equivalents.convolve(x, kernel, padding=border),
        "transposed": torch.from_numpy(scatter(x[None].numpy(), kernel[None, None].numpy()))[0],
    }
    one = (x[None, None], kernel[None, None])
    judged = {
        "correlation": F.conv2d(*one, padding=border),
        "convolution": F.conv2d(one[0], one[1].flip(2, 3), padding=border),
        "transposed": F.conv_transpose2d(*one),
    }
    ways = {
        name: {"rows": _rows(result), "difference": _difference(result, judged[name][0, 0])}
        for name, result in results.items()
    }
    return {**ways, "x": run.x, "kernel": run.kernel, "borrowed": False}


def _difference(result: Tensor, expected: Tensor) -> float:
    return (result.float() - expected).abs().max().item()


def _rows(array: Tensor) -> list[list[float]]:
    return array.double().tolist()
