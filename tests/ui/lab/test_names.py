"""Four names, one operator: what the page shows is PyTorch's, for the stepper's own run."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F

from deconv_demo.ui.lab import names
from deconv_demo.ui.lab.names import compare_names
from deconv_demo.ui.lab.presets import PRESETS, Run
from deconv_demo.ui.texts import texts_under

WAYS = ["scatter", "zeros", "matrix", "shuffle", "gradient"]
SCRIPTS = "".join(
    (Path(names.__file__).parent / "static" / name).read_text(encoding="utf-8")
    for name in names._SCRIPTS
)


def torch_output(run):
    x, kernel = (torch.tensor(rows, dtype=torch.float64) for rows in (run.x, run.kernel))
    return F.conv_transpose2d(x[None, None], kernel[None, None], **run.settings)[0, 0].numpy()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_way_gives_what_torch_gives(preset):
    compared = compare_names(PRESETS[preset])
    expected = torch_output(PRESETS[preset])
    assert list(compared["ways"]) == WAYS
    for way in compared["ways"].values():
        np.testing.assert_allclose(way["rows"], expected, rtol=1e-6, atol=1e-6)
        assert way["difference"] <= 1e-6 * np.abs(expected).max()
    json.dumps(compared, allow_nan=False)


def test_the_difference_is_measured_not_promised(monkeypatch):
    monkeypatch.setattr(
        names.equivalents, "by_matrix", lambda x, weight, **settings: torch.zeros(1, 7, 7)
    )
    ways = compare_names(PRESETS["ones"])["ways"]
    assert ways["matrix"]["difference"] == 28
    assert ways["shuffle"]["difference"] == 0


def test_rounding_is_shown_where_there_is_some():
    generator = np.random.default_rng(0)
    x, kernel = generator.normal(size=(8, 8)), generator.normal(size=(5, 5))
    run = Run(x=tuple(map(tuple, x)), kernel=tuple(map(tuple, kernel)), stride=2, padding=2)
    differences = [way["difference"] for way in compare_names(run)["ways"].values()]
    assert 0 < max(differences) < 1e-5


def test_the_three_operators_are_those_of_scipy():
    run = PRESETS["columns"]
    classic = compare_names(run)["classic"]
    x, kernel = np.array(run.x), np.array(run.kernel)
    correlated = scipy.signal.correlate2d(x, kernel)
    convolved = scipy.signal.convolve2d(x, kernel)
    assert classic["correlation"]["rows"] == correlated.tolist()
    assert classic["convolution"]["rows"] == convolved.tolist()
    assert classic["transposed"]["rows"] == convolved.tolist()
    inside = correlated[1:-1, 1:-1].tolist()
    assert inside == [[-7, -4, 7], [-15, -6, 15], [-13, -4, 13]]


def test_a_kernel_that_looks_the_same_turned_gives_way_to_one_that_does_not():
    borrowed = compare_names(PRESETS["ones"])["classic"]
    assert borrowed == {**compare_names(PRESETS["columns"])["classic"], "borrowed": True}
    own = compare_names(PRESETS["itself"])["classic"]
    assert not own["borrowed"]
    assert own["kernel"] == PRESETS["itself"].kernel


def test_every_sentence_of_the_names_is_used_by_their_script():
    built = {*WAYS, "torch", "correlation", "convolution", "transposed"}
    for key in texts_under("en", "lab.names."):
        assert key.split(".")[0] in built or re.search(rf"\b{re.escape(key)}\b", SCRIPTS), key


def test_the_words_beside_a_picture_are_few():
    for key, sentences in texts_under("en", "lab.names.").items():
        assert len(re.findall(r"[.!?](\s|$)", sentences)) <= 5, key


@pytest.mark.browser
def test_the_page_shows_every_way_for_the_run_of_the_stepper(visit):
    visitor = visit(wait=False)
    page = visitor.page
    visitor.open_tab("lab")
    page.wait_for_selector(".stepper-board .stepper-cell")
    page.click("[data-preset=back]")
    visitor.open_tab("names")
    page.wait_for_selector(".names-run:has-text('padding 1')")
    pictures = "all => all.map(one => one.ariaLabel)"
    spoken = page.locator(".names-card[data-way=matrix] canvas").evaluate_all(pictures)
    numbers = "1743, 3072, 2681; 4266, 6825, 5524; 4629, 7038, 5447"
    assert spoken[-1] == f"Output: {numbers}"
    assert spoken[0].startswith("W\u1d40: 9 × 9: 5, 4, 0, 2, 1, 0, 0, 0, 0; 6, 5, 4, ")
    verdicts = page.locator(".names-verdict b").all_inner_texts()
    assert verdicts == ["0"] * 8
    heights = page.locator(".names canvas").evaluate_all("all => all.map(one => one.height)")
    assert len(heights) == 18
    assert min(heights) > 20

    # A new run is asked for when the section is seen again, in the language of the visitor.
    visitor.open_tab("stepper")
    page.click("[data-preset=doubling]")
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector(".stepper-play:has-text('播放')")
    visitor.open_tab("names")
    page.wait_for_selector(".names-run:has-text('输出填充 1')")
    assert page.locator(".names-card[data-way=shuffle] canvas").count() == 5
    gradient = page.inner_text(".names-card[data-way=gradient] pre")
    scope = {"torch": torch, "F": F}
    run = PRESETS["doubling"]
    scope["x"], scope["k"] = (torch.tensor([[rows]]).float() for rows in (run.x, run.kernel))
    scope["y"] = torch.zeros(1, 1, 8, 8)
    exec(gradient, scope)
    assert np.array_equal(scope["y"][0, 0].numpy(), torch_output(run))
    links = page.locator(".names a").evaluate_all("all => all.map(one => one.href)")
    assert len(links) == 6
    assert all(link.startswith("https://") for link in links)
