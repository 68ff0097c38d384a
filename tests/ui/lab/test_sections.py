"""Three sections of the lab in a browser: the numbers shown are those that Python computes."""

import base64
import io
import re
import wave

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from deconv_demo.classical.iterative import CircularConvolution, richardson_lucy, take, tikhonov
from deconv_demo.classical.metrics import psnr
from deconv_demo.convolution.transposed import overlap_ratio
from deconv_demo.networks.upsamplers import WIDTHS
from deconv_demo.restoration.reference_eval import BLURS
from deconv_demo.ui.lab import dimensions_data, inverse_data, overlap_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def key(tmp_path):
    """The clean picture of the example that the page opens with."""
    path = tmp_path / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return str(path)


def open_section(visitor, name):
    visitor.open_tab("lab")
    visitor.page.click(f"#lab-tabs [role=tab][data-tab-id={name}]")
    return visitor.page


def set_number(page, selector, value):
    page.fill(f"{selector} input[type=number]", str(value))
    page.press(f"{selector} input[type=number]", "Tab")


def captions(page, selector):
    """Title and detail of each picture."""
    read = "all => all.map(one => ['b', 'span'].map(name => one.querySelector(name).innerText))"
    return dict(page.locator(f"{selector} figcaption").evaluate_all(read))


def picture(page, selector, index):
    """The pixels of one picture, in ``[0, 1]``."""
    source = page.locator(f"{selector} img").nth(index).get_attribute("src")
    with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as file:
        return torch.from_numpy(np.array(file)).movedim(-1, 0).float() / 255


def test_not_the_inverse(visit, key):
    page = open_section(visit(), "inverse")
    page.wait_for_selector("#inverse-search svg")
    for table in ("#inverse-curves", "#inverse-search"):
        headings = page.locator(f"{table} thead th").all_text_contents()
        assert len(headings) == 5
        # The keys scroll it, so a screen reader needs a name for it.
        assert page.locator(table).get_by_role("group", name=", ".join(headings)).count() == 1
    arrays = page.locator("#inverse-arrays table").evaluate_all(
        "all => all.map(one => [...one.querySelectorAll('td')].map(cell => Number(cell.innerText)))"
    )
    assert arrays[2] == [94, 154, 106, 186, 285, 186, 106, 154, 94]
    assert arrays[3] == [1743, 3072, 2681, 4266, 6825, 5524, 4629, 7038, 5447]
    assert arrays[4] == arrays[0] == list(range(1, 10))
    assert "222" in page.inner_text("#inverse-arrays")
    page.check("#inverse-kernel input[value=edge]")
    page.wait_for_selector("#inverse-arrays:has-text('no inverse')")

    run = inverse_data.trial(key, "gaussian", 1.6, 2.5)
    shown = captions(page, "#inverse-given")
    assert shown["Blurred, with noise"] == f"{run.score(run.observed):.2f} dB"
    assert shown["Network “Deblur”"] == f"{run.score(run.learned):.2f} dB"
    assert psnr(picture(page, "#inverse-given", 0), run.clean) > 80
    rows = page.locator("#inverse-curves tbody tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    lucy = run.courses["richardson_lucy"]
    best = f"{lucy.psnr_db[lucy.peak]:.2f} dB"
    assert rows[1][:3] == ["Richardson–Lucy", best, str(lucy.peak + 1)]
    found = inverse_data.search(key, "gaussian", 1.6, 2.5)
    assert f"{found.grid.max():.2f} dB" in page.inner_text("#inverse-search")

    # One iterate, made here from what the page says is blurred.
    set_number(page, "#inverse-iteration", 7)
    page.wait_for_selector("#inverse-courses :text('step 7 ·')")
    observed = picture(page, "#inverse-given", 1)
    blur = CircularConvolution(BLURS["gaussian"](1.6), *observed.shape[-2:])
    seventh = take(richardson_lucy(blur, observed), 7)[-1].clamp(0, 1)
    assert (picture(page, "#inverse-courses", 1) - seventh).abs().max() < 1 / 255
    set_number(page, "#inverse-iteration", 999)  # the last there is, in the box and above it
    page.wait_for_selector("#inverse-courses :text('step 80 ·')")
    assert page.input_value("#inverse-iteration input[type=number]") == "80"
    assert page.locator(".toast-wrap :visible").count() == 0
    set_number(page, "#inverse-exponent", -1)
    score = psnr(tikhonov(blur, observed, 0.1).clamp(0, 1), run.clean)
    page.wait_for_selector(f"#inverse-closed :text('{score:.2f} dB')")

    page.check("#language input[value=zh-CN]")
    page.wait_for_selector("#inverse-search:has-text('网格搜索')")
    page.wait_for_selector("#inverse-courses:has-text('第 80 步')")
    page.wait_for_selector("#inverse-arrays:has-text('不可逆')")


def test_many_channels(visit):
    page = open_section(visit(), "channels")
    page.wait_for_selector("#channels-costs tbody tr:nth-child(3)")
    given = {"in-channels": 3, "out-channels": 1, "kernel-size": 4, "stride": 3}
    for name, value in (given | {"padding": 0, "output-padding": 2, "side": 10}).items():
        set_number(page, f"#channels-{name}", value)
    page.wait_for_selector("#channels-costs td:text-is('10 → 33')")
    layer = torch.nn.ConvTranspose2d(3, 1, 4, 3, output_padding=2)
    assert layer(torch.zeros(1, 3, 10, 10)).shape[-1] == 33
    assert "49" in page.inner_text("#channels-costs tbody tr:first-child")

    def arrays():
        read = """all => all.map(one => [...one.rows].map(row => [...row.cells].map(
            cell => Number(cell.innerText.replace("\u2212", "-")))))"""
        return [torch.tensor(rows) for rows in page.locator(".channels-array").evaluate_all(read)]

    found = arrays()
    x, kernels, y = torch.stack(found[0:9:3]), torch.stack(found[1:9:3]), found[9]
    bias = y[0, 0] - sum(share[0, 0] for share in found[2:9:3])
    layer.weight.data, layer.bias.data = kernels[:, None].float(), bias[None].float()
    with torch.inference_mode():
        assert (layer(x[None].float())[0, 0] == y).all()
    former = page.locator(".channels-array").first.inner_text()
    page.click("#channels-again")
    page.wait_for_function(
        "old => document.querySelector('.channels-array').innerText !== old", arg=former
    )

    set_number(page, "#channels-stride", 2)
    page.wait_for_selector("#channels-sums :text('must be smaller than the stride (2)')")
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector("#channels-sums :text('必须小于步幅（2）')")


def test_uneven_overlap(visit, key):
    page = open_section(visit(), "overlap")
    page.wait_for_selector("#overlap-race tbody tr")
    page.click("#overlap-preset input")
    page.click("[role=option]:has-text('FSRCNN ×4')")
    page.wait_for_selector("#overlap-ratio b:text-is('2.25')")
    for kernel_size, stride, layers in ((5, 3, 1), (3, 2, 2), (2, 3, 1)):
        set_number(page, "#overlap-kernel", kernel_size)
        set_number(page, "#overlap-stride", stride)
        set_number(page, "#overlap-layers", layers)
        ratio = overlap_ratio(kernel_size, stride, layers=layers)
        expected = "∞" if np.isinf(ratio) else f"{ratio:.2f}"
        page.wait_for_selector(f"#overlap-ratio b:text-is('{expected}')")
    assert page.input_value("#overlap-preset input") == ""  # no longer what a network does
    assert captions(page, "#overlap-map")["The same in two dimensions"].startswith("from 0 ")

    rows = page.locator("#overlap-race tbody tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    results = overlap_data.race(key, True)
    assert len(rows) == len(results) == len(WIDTHS) + 2
    for row, result in zip(rows[1:], results[1:], strict=True):
        grid = f"{result.grid_db:.1f} dB".replace("-", "\u2212")
        assert row[1:3] == [f"{result.psnr_db:.2f} dB", grid]
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector("#overlap-race:has-text('双三次插值')")
    page.wait_for_selector("#overlap-map:has-text('空着')")


def test_beyond_two_dimensions(visit):
    page = open_section(visit(), "dimensions")
    page.wait_for_selector("#dimensions-clip svg")
    set_number(page, "#dimensions-kernel", 20)
    page.check("#dimensions-stride input[value='16']")
    heard = dimensions_data.sound(20, 16, "box")
    tone = f"{heard.tone_db:.0f}".replace("-", "−")
    page.wait_for_selector(f"#dimensions-tone:has-text('At 1,000 Hz'):has-text('{tone} dB')")
    source = page.locator("#dimensions-sound audio").nth(1).get_attribute("src")
    with wave.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as sheet:
        samples = np.frombuffer(sheet.readframes(sheet.getnframes()), "<i2") / 32767
    np.testing.assert_allclose(samples, heard.painted, atol=1e-4)
    playable = "audio => new Promise(done => { audio.onloadedmetadata = () => done(audio.duration);"
    playable += " if (audio.readyState > 0) done(audio.duration); })"
    assert page.locator("#dimensions-sound audio").nth(1).evaluate(playable) == 2

    for side, kernel_size, stride in ((3, 4, 1), (2, 2, 3)):
        set_number(page, "#block-input", side)
        set_number(page, "#block-kernel", kernel_size)
        set_number(page, "#block-stride", stride)
        layer = torch.nn.ConvTranspose3d(1, 1, kernel_size=kernel_size, stride=stride)
        size = " × ".join(map(str, layer(torch.zeros(1, 1, side, side, side)).shape[2:]))
        # Three sliders moved: an answer to the first two may have the same size.
        made = f"kernel_size={kernel_size}, stride={stride})"
        page.wait_for_selector(f"#dimensions-block:has-text('{made}')")
        page.wait_for_selector(f"#dimensions-shape:has-text('→ {size}')")
    assert re.search("ratio in 3-D: ∞", page.inner_text("#dimensions-block"))
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector("#dimensions-block:has-text('三维重叠比')")
    page.wait_for_selector("#dimensions-clip:has-text('输入的短片')")
