"""What does this photo need: what is said, shown and done, and the pad for a known blur."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
from PIL import Image

from deconv_demo.pictures import open_picture
from deconv_demo.restoration import KernelError, diagnose, parse_blur
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance import diagnosis
from deconv_demo.ui.enhance.task_controls import DEFAULTS, read_controls
from deconv_demo.ui.texts import LANGUAGES
from deconv_demo.ui.workspace import FileStore, Workspace


def soft_jpeg(path):
    clean = skimage.data.coffee()[:300, :400].astype(float)
    soft = scipy.ndimage.gaussian_filter(clean, (1.8, 1.8, 0)).round().astype(np.uint8)
    Image.fromarray(soft).save(path, quality=25)
    return path


@pytest.fixture
def workspace(tmp_path):
    path = soft_jpeg(tmp_path / "mine.jpg")
    return Workspace(source=path, name="mine", size=(400, 300))


def test_every_step_is_shown_beside_the_photo_as_it_is(workspace):
    found, strip = diagnosis.look_at(workspace)
    assert [item.task_id for item in strip] == [None, *found.steps, *found.optional]
    for item in strip:
        scale = TASKS[item.task_id].scale if item.task_id else 1
        assert item.picture.size == (diagnosis.STRIP_SIDE * scale,) * 2
    pictures = [np.asarray(item.picture.resize((99, 99))) for item in strip]
    assert all((one != pictures[0]).any() for one in pictures[1:])


def test_all_findings_are_said_in_words_of_all_languages(workspace):
    found, strip = diagnosis.look_at(workspace)
    html = diagnosis.diagnosis_html(found, strip)
    for part in html.split("<div data-language=")[1:]:
        assert part.count("<li") == 4
        assert part.count("<figure>") == len(strip)
        assert part.count('class="wrong"') == len(found.steps)
    assert html.count("data-language") == len(LANGUAGES)


@pytest.mark.parametrize("size", [(2400, 200), (200, 2400), (90, 70), (1, 1), (3, 500)])
def test_only_a_part_of_a_picture_is_tried(size):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    part = diagnosis._busiest_part(picture)
    assert part.size == tuple(min(side, 240) for side in size)


def test_the_steps_are_run_one_after_the_other(workspace):
    steps = ["jpeg", "deblur"]
    *progress, done = diagnosis.run_steps(workspace, steps, "en", FileStore())
    expected = open_picture(workspace.source)
    for task_id in steps:
        expected = enhance(expected, task_id).after
    assert np.array_equal(np.asarray(open_picture(done.after)), np.asarray(expected))
    assert done.facts["steps"] == steps
    assert done.task_id == "deblur"
    given = enhance(open_picture(workspace.source), "jpeg").after
    assert np.array_equal(np.asarray(open_picture(done.network_input)), np.asarray(given))
    shares = [share for _, share in progress if share is not None]
    assert shares == sorted(shares)
    assert any("Step 2 of 2" in sentence for sentence, _ in progress)


def values(**changed):
    names = ("estimate", "strength", "sigma", "blur", "blur_size", "blur_angle", "drawn")
    names += ("read_quality", "quality", "amount", "careful")
    return list((dict(zip(names, DEFAULTS, strict=True)) | changed).values())


@pytest.mark.parametrize(
    ("task_id", "changed", "expected"),
    [
        ("denoise", {}, {"sigma": None, "strength": 1.0, "amount": 1.0}),
        ("denoise", {"strength": 50}, {"sigma": None, "strength": 0.5, "amount": 1.0}),
        (
            "denoise",
            {"estimate": False, "sigma": 51, "strength": 50},
            {"sigma": 0.2, "strength": 1.0, "amount": 1.0},
        ),
        ("jpeg", {"amount": 25}, {"quality": None, "amount": 0.25}),
        ("jpeg", {"read_quality": False, "quality": 30}, {"quality": 30, "amount": 1.0}),
        ("deblur", {"careful": True}, {"amount": 1.0, "careful": True}),
        ("upscale_x2", {"amount": 50}, {}),
    ],
)
def test_widgets_become_keywords(task_id, changed, expected):
    assert read_controls(task_id, *values(**changed)) == expected


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"blur": "straight", "blur_size": 11, "blur_angle": 40}, "straight:11:40"),
        ({"blur": "disc", "blur_size": 2.5}, "disc:2.5"),
        ({"blur": "gaussian", "blur_size": 1.2}, "gaussian:1.2"),
        ({"blur": "drawn", "drawn": "[[0, 1, 1]]"}, "[[0, 1, 1]]"),
    ],
)
def test_a_blur_that_is_told_becomes_its_kernel(changed, told):
    controls = read_controls("deblur", *values(**changed))
    assert np.array_equal(controls["kernel"], parse_blur(told))


def test_nothing_drawn_is_said():
    with pytest.raises(KernelError):
        read_controls("deblur", *values(blur="drawn"))


@pytest.mark.browser
@pytest.mark.slow
def test_a_path_is_drawn_and_undone(visit, tmp_path):
    """Pixels of the pad are those of the kernel, and the result is that of Python."""
    clean = skimage.data.astronaut()[:200, 100:300].astype(float)
    shaken = scipy.ndimage.uniform_filter1d(clean, 11, axis=1).round().astype(np.uint8)
    path = tmp_path / "shaken.png"
    Image.fromarray(shaken).save(path)
    visitor = visit()
    page = visitor.page
    visitor.choose(path)
    visitor.choose_task("deblur")
    page.click("#blur-source input")
    page.get_by_role("option").nth(4).click()
    canvas = page.locator("#blur-pad canvas")
    canvas.scroll_into_view_if_needed()
    page.click("#run")
    visitor.wait_for_status("Draw the path of the shake")
    box = canvas.bounding_box()

    def at(x, y):
        return box["x"] + (x + 0.5) * box["width"] / 31, box["y"] + (y + 0.5) * box["height"] / 31

    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(*at(10, 15))
    page.mouse.down()
    page.mouse.move(*at(20, 15), steps=10)
    page.mouse.up()
    former = visitor.source("after")
    page.click("#run")
    visitor.wait_for_result(former)
    assert page.locator("#facts .blurs figcaption").first.inner_text() == "Kernel you told"
    weights = np.zeros((31, 31))
    weights[15, 10:21] = 1
    expected = np.asarray(enhance(Image.fromarray(shaken), "deblur", kernel=weights).after, float)
    off = np.abs(visitor.pixels("after") - expected)
    assert off.mean() < 4, "a hand's line is a little uneven"
    assert visitor.complaints == []


@pytest.mark.browser
@pytest.mark.slow
def test_what_a_photo_needs_is_said_and_done(visit, tmp_path):
    path = soft_jpeg(tmp_path / "mine.jpg")
    visitor = visit()
    page = visitor.page
    visitor.choose(path)
    page.click("#diagnose")
    page.wait_for_selector(".diagnosis li")
    assert "JPEG" in page.inner_text(".diagnosis")
    former = visitor.source("after")
    page.click("#follow")
    visitor.wait_for_result(former)
    expected = open_picture(path)
    for task_id in diagnose(expected).steps:
        expected = enhance(expected, task_id).after
    assert np.array_equal(visitor.pixels("after"), np.asarray(expected))
    # Another picture needs something else.
    other = tmp_path / "other.png"
    Image.fromarray(skimage.data.coffee()[:80, :90]).save(other)
    visitor.choose(other)
    page.wait_for_selector(".diagnosis", state="detached")
    page.wait_for_selector("#follow", state="hidden")
    assert visitor.complaints == []
