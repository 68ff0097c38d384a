"""The arithmetic of the stepper, run in a browser: it is PyTorch's, and so are its refusals."""

from pathlib import Path

import numpy as np
import pytest
from support.lab_runs import random_runs, torch_output

from deconv_demo.convolution.transposed import contributions, output_size
from deconv_demo.ui.lab import stepper
from deconv_demo.ui.lab.presets import PRESETS

SCRIPT = (Path(stepper.__file__).parent / "static" / "transposed.js").read_text("utf-8")


def as_script(run):
    settings = {
        "inputSize": len(run.x),
        "kernelSize": len(run.kernel),
        "stride": run.stride,
        "padding": run.padding,
        "outputPadding": run.output_padding,
        "dilation": run.dilation,
    }
    return {"x": run.x, "kernel": run.kernel, "settings": settings}


@pytest.fixture(scope="module")
def script(browser):
    """Run a JavaScript expression on an argument beside the arithmetic of the page."""
    page = browser.new_page()

    def run(expression, argument):
        return page.evaluate(f"(given) => {{ {SCRIPT}\n return {expression}; }}", argument)

    yield run
    page.close()


@pytest.mark.browser
def test_the_script_computes_what_torch_computes(script):
    runs = [*PRESETS.values(), *random_runs(50)]
    assert len({tuple(run.settings.values()) for run in runs}) > 40
    answers = script(
        """given.map(({ x, kernel, settings }) => [
            outputSize(settings),
            cropped(paint(x, kernel, settings), settings),
            gather(x, kernel, settings),
            refusal(settings),
        ])""",
        [as_script(run) for run in runs],
    )
    for run, (side, painted, gathered, refused) in zip(runs, answers, strict=True):
        expected = torch_output(run)
        assert refused is None
        assert side == len(expected)
        np.testing.assert_allclose(painted, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(gathered, expected, rtol=0, atol=1e-12)


@pytest.mark.browser
def test_the_script_refuses_what_python_refuses(script):
    names = ("inputSize", "kernelSize", "stride", "padding", "outputPadding", "dilation")
    grid = np.stack(
        np.meshgrid([2, 3], [1, 3], [0, 1, 2], [-1, 0, 1, 4], [-1, 0, 1, 2], [0, 1, 3]), -1
    ).reshape(-1, 6)
    given = [dict(zip(names, map(int, values), strict=True)) for values in grid]
    refusals = script("given.map(refusal)", given)
    for settings, refused in zip(given, refusals, strict=True):
        side, kernel, stride, padding, output_padding, dilation = settings.values()
        wanted = {"stride": stride, "padding": padding, "dilation": dilation}
        try:
            output_size(side, kernel, output_padding=output_padding, **wanted)
        except ValueError:
            assert refused is not None, settings
        else:
            assert refused is None, settings
    assert set(refusals) == {None, "range", "outputPadding", "empty"}


@pytest.mark.browser
def test_partners_and_every_step_are_those_of_python(script):
    run = random_runs(1)[0]
    x, kernel = np.array(run.x), np.array(run.kernel)
    expected = contributions(x, kernel, **run.settings)
    side, steps = len(torch_output(run)), x.size // 2
    partners, part, gathered = script(
        """[
            given.cells.map((cell) => contributionsOf("canvas", cell, given.settings)),
            cropped(paint(given.x, given.kernel, given.settings, given.steps), given.settings),
            gather(given.x, given.kernel, given.settings, given.steps),
        ]""",
        {
            **as_script(run),
            "cells": [[y + run.padding, z + run.padding] for y in range(side) for z in range(side)],
            "steps": steps,
        },
    )
    for place, found in zip(np.ndindex(side, side), partners, strict=True):
        pairs = {(tuple(one["input"]), tuple(one["kernel"])) for one in found}
        assert pairs == {(one.input, one.kernel) for one in expected if one.output == place}
    painted = np.zeros((side, side))
    for one in expected:
        if np.ravel_multi_index(one.input, x.shape) < steps:
            painted[one.output] += one.product
    np.testing.assert_allclose(part, painted, rtol=0, atol=1e-12)
    assert [value is not None for row in gathered for value in row].index(False) == steps


@pytest.mark.browser
@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (0.0, ["0", "0", "0"]),
        (-0.0, ["0", "0", "0"]),
        (-2.4, ["\u22122.4", "\u22122.4", "\u22122"]),
        (1743.0, ["1743", "1743", "2k"]),
        (-89991.0, ["\u221289991", "\u221290k", "\u2026"]),
        (0.0625, ["0.0625", "0.06", "\u22480"]),
        (123456789.0, ["123456789", "123M", "\u2026"]),
        (12.3456, ["12.35", "12.3", "12"]),
    ],
)
def test_a_number_is_shortened_and_never_cut(script, value, texts):
    """In 9, 4 and 2 characters; what it says is rounding of the number, or that there is more."""
    answers = script("[9, 4, 2].map((room) => brief(given, room))", value)
    assert answers == [texts[0], *texts[1:]]
    assert all(len(text) <= room for text, room in zip(answers, (9, 4, 2), strict=True))
