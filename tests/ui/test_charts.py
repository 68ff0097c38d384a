"""Charts show their values where they belong."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deconv_demo.ui.charts import Line, bar_chart, line_chart, score_map, ticks
from deconv_demo.ui.lab import overlap_data


def drawn_points(chart):
    path = re.search(r'class="line" d="([^"]+)"', chart)[1]
    return [tuple(map(float, point.split(","))) for point in re.split("[ML]", path)[1:]]


def test_a_curve_that_leaves_the_sheet_is_cut_where_it_leaves():
    def points(values, **given):
        line = Line(name="a", points=list(enumerate(values)))
        return drawn_points(line_chart([line], x_label="x", y_label="y", name="n", **given))

    inside = points([4, 0, 4, 0])
    low, high = inside[1][1], inside[0][1]
    cut = points([4, -4, -4, 12, 0], y_range=(0, 4))
    step = inside[1][0] - inside[0][0]
    left = inside[0][0]
    width = 3 / 4 * step  # of four stretches on the sheet of three
    expected = [(0, high), (0.5, low), (2.25, low), (2.5, high), (11 / 3, high), (4, low)]
    found = [((x - left) / width, y) for x, y in cut]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_charts_place_their_values():
    chart = line_chart(
        [Line(name="a", points=[(0, 0), (10, 5)], dot=1)], x_label="x", y_label="y", name="n"
    )
    (first_x, first_y), (last_x, last_y) = drawn_points(chart)
    assert first_x < last_x
    assert first_y > last_y  # up is up
    assert f'cx="{last_x}" cy="{last_y}"' in chart
    bars = bar_chart([1, 2, 1], x_label="x", y_label="y", name="n")
    heights = [float(h) for h in re.findall(r'<rect class="bar".*?height="([\d.]+)"', bars)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert ticks(0, 1) == [0, 0.25, 0.5, 0.75, 1]


def test_the_best_cell_of_a_map_is_framed_and_lightest():
    grid = [1.0, 10.0, 100.0]
    scores = np.array([[1.0, 2, 3], [4, 9, 5], [6, 7, 8]])
    drawn = score_map(
        scores, columns=grid, rows=grid, x_label="x", y_label="y", name="n", unit="dB"
    )
    cells = re.findall(r'<rect (x="[\d.]+" y="[\d.]+").*?fill="rgb\((.*?)\)"><title>(.*?)<', drawn)
    brightness = {title: sum(map(int, color.split(","))) for _, color, title in cells}
    assert max(brightness, key=brightness.get) == "10 × 10: 9.00 dB"
    frame = re.search(r'<rect class="draw inner" (x="[\d.]+" y="[\d.]+")', drawn)[1]
    assert next(place for place, _, title in cells if "9.00" in title) == frame


def test_a_middle_of_the_picture_is_cut_by_torch(random_image):
    image = random_image(10, 13)[0]
    assert torch.equal(overlap_data._middle(image, 4), image[:, 3:7, 4:8])
    assert F.mse_loss(overlap_data._middle(image, 40), image) == 0
