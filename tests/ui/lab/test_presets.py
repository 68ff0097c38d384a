"""What the lab has ready, and what it takes from a browser."""

import pytest
import torch
import torch.nn.functional as F

from deconv_demo.ui.lab.presets import PRESETS, as_json, read_run


@pytest.mark.parametrize("preset", PRESETS)
def test_torch_accepts_every_preset(preset):
    run = PRESETS[preset]
    x, kernel = (torch.tensor(rows).float()[None, None] for rows in (run.x, run.kernel))
    assert F.conv_transpose2d(x, kernel, **run.settings).isfinite().all()


def test_presets_show_what_their_notes_say():
    def output(name):
        run = PRESETS[name]
        x, kernel = (torch.tensor(rows).float()[None, None] for rows in (run.x, run.kernel))
        return F.conv_transpose2d(x, kernel, **run.settings)[0, 0]

    count = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    assert torch.equal(output("nearest"), F.interpolate(count, scale_factor=2)[0, 0])
    smooth = F.interpolate(count, scale_factor=2, mode="bilinear")[0, 0]
    torch.testing.assert_close(output("bilinear")[1:-1, 1:-1], smooth[1:-1, 1:-1])
    assert (output("bilinear")[0] < smooth[0]).all()
    assert sorted(output("uneven").unique().tolist()) == [1, 2, 4]
    assert output("even")[1:-1, 1:-1].unique().tolist() == [4]
    assert output("doubling").shape == (8, 8)
    assert (output("gaps")[-1] == 0).all()
    answers = output("edge")
    assert answers.min() == -answers.max() < 0
    assert output("columns").shape == (5, 5)
    assert output("back")[0, 0] == 1743
    assert output("back")[-1, -1] == 5447


def test_a_run_is_read_with_care():
    assert read_run(as_json(PRESETS["gaps"])) == PRESETS["gaps"]
    good = as_json(PRESETS["ones"])
    for wrong in (
        None,
        [],
        {},
        {**good, "x": [[1]]},
        {**good, "x": [[1, 2], [3]]},
        {**good, "x": "12"},
        {**good, "kernel": []},
        {**good, "kernel": [[1] * 6] * 6},
        {**good, "kernel": [[float("nan")]]},
        {**good, "kernel": [[10_000]]},
        {**good, "x": [[1, 2], [3, 10**400]]},
        {**good, "x": [[1, 2], [3, {}]]},
        {**good, "output_padding": 2},
        {**good, "padding": 10**30},
        {**good, "stride": None},
        # What the page cannot choose would fill the memory of the server.
        {**good, "stride": 5},
        {**good, "padding": 7},
        {**good, "dilation": 4},
        {**good, "output_padding": 4, "stride": 4, "dilation": 3},
        {**good, "stride": 0},
        {**good, "stride": "two"},
    ):
        with pytest.raises(ValueError, match="."):
            read_run(wrong)
