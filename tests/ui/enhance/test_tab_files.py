"""Files in the Enhance tab: what is read, refused with a sentence, and downloaded."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from support.visitor import noise

from deconv_demo.pictures.errors import MESSAGES, PictureError
from deconv_demo.pictures.image_tensors import open_picture, to_pixels
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.ui.texts import LANGUAGES, error_sentence, text

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_the_download_is_the_after_picture_with_all_that_came_with_it(visit, tmp_path):
    visitor = visit()
    picture = noise()
    alpha = Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64).astype(np.uint8))
    picture.putalpha(alpha)
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ada"
    path = tmp_path / "my photo (1).png"
    picture.save(path, dpi=(300, 300), icc_profile=SRGB, exif=exif)
    visitor.give(path)
    visitor.wait_for_status("my-photo-1 · 64 × 48")
    visitor.run()
    downloaded = visitor.download(tmp_path)
    assert downloaded.name == "my-photo-1-denoise.png"
    with Image.open(downloaded) as shown:
        expected = enhance(open_picture(path), "denoise").after
        assert shown.mode == "RGBA"
        assert np.array_equal(shown, expected)
        assert np.array_equal(shown.getchannel("A"), alpha)
        assert shown.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert shown.info["icc_profile"] == SRGB
        assert shown.getexif()[ExifTags.Base.Artist] == "Ada"


def test_the_download_has_the_format_that_is_chosen(visit, noise_file, tmp_path):
    visitor = visit()
    visitor.choose(noise_file)
    visitor.run()
    visitor.choose_format("webp")
    shown = visitor.pixels("after")
    assert np.array_equal(Image.open(visitor.download(tmp_path)).convert("RGB"), shown)
    # It stays chosen for what is made later.
    visitor.choose_task("deblur")
    visitor.run()
    deblurred = visitor.download(tmp_path)
    assert deblurred.name == "noise-deblur.webp"
    assert np.array_equal(Image.open(deblurred).convert("RGB"), visitor.pixels("after"))
    former = visitor.source("after")
    visitor.page.locator("#amount input[type=range]").press("Home")
    visitor.wait_for_result(former, text("en", "status.blended", amount=0))
    unchanged = visitor.download(tmp_path)
    assert unchanged.suffix == ".webp"
    assert np.array_equal(Image.open(unchanged).convert("RGB"), np.array(noise()))


def test_a_photo_that_lies_on_its_side_comes_out_upright(visit, tmp_path):
    visitor = visit()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Camera"
    path = tmp_path / "phone.jpg"
    noise().save(path, exif=exif, quality=95)
    with Image.open(path) as stored:
        upright = np.array(stored.transpose(Image.Transpose.ROTATE_270))
    visitor.choose(path)
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), upright)
    after = visitor.pixels("after")
    with Image.open(visitor.download(tmp_path)) as shown:
        assert shown.size == (48, 64)
        assert np.array_equal(shown, after)
        assert ExifTags.Base.Orientation not in shown.getexif()
        assert shown.getexif()[ExifTags.Base.Make] == "Camera"


@pytest.mark.parametrize("suffix", ["tiff", "heic"])
def test_a_file_that_browsers_do_not_show_is_shown_all_the_same(visit, tmp_path, suffix):
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    visitor = visit()
    path = tmp_path / f"phone.{suffix}"
    noise().save(path)
    visitor.choose(path)
    visitor.page.wait_for_function("document.querySelector('#picture img').naturalWidth === 64")
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), to_pixels(open_picture(path)))


def spoilt_files(folder):
    """Bad files by the code of the sentence they get."""
    jpeg = io.BytesIO()
    noise(320, 240).save(jpeg, "JPEG")
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    contents = {
        "not_a_picture": ("text.png", b"Dear diary, this is no picture at all."),
        "truncated": ("cut.jpg", jpeg.getvalue()[:4000]),
        "too_large": ("huge.png", b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + checksum),
        "svg": ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        "empty": ("empty.png", b""),
    }
    for code, (name, content) in contents.items():
        (folder / name).write_bytes(content)
        yield code, folder / name


@pytest.mark.parametrize("language", LANGUAGES)
def test_bad_files_get_one_sentence_each_and_a_good_one_works_after_them(
    visit, noise_file, tmp_path, upload_folder, language
):
    visitor = visit(locale=language)
    visitor.page.wait_for_selector(f"#run:has-text('{text(language, 'enhance.run')}')")
    for code, path in spoilt_files(tmp_path):
        values = {}
        if code == "too_large":
            values = {"width": 100_000, "height": 100_000, "megapixels": "10000", "limit": 50}
        visitor.give(path)
        sentence = error_sentence(language, PictureError(code, **values))
        visitor.wait_for_status(sentence[:30])
        alert = visitor.page.locator("#status [role=alert]")
        assert alert.count() == visitor.page.locator("#status p").count() == 1
        assert alert.inner_text() == sentence
        assert str(upload_folder) not in visitor.page.content().replace("/gradio_api/file=", "")
        assert visitor.page.locator(".toast-body").count() == 0
        assert visitor.page.is_disabled("#download")
    visitor.page.click("#run")
    visitor.wait_for_status(error_sentence(language, PictureError("no_picture")))
    visitor.choose(noise_file)
    visitor.page.click("#run")
    visitor.wait_for_result("", text(language, "status.done", seconds="")[:4].strip())
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))


def test_without_a_picture_the_page_asks_for_one(visit, noise_file):
    visitor = visit()
    visitor.page.click("#picture button[aria-label='Remove Image']")
    visitor.page.wait_for_selector(".compare[data-state=empty]")
    for button in ("#run", "#answer-run"):
        if button == "#answer-run":
            visitor.page.click("#known-answer button")
        visitor.page.click(button)
        visitor.page.wait_for_selector("#status [role=alert]")
        assert visitor.page.inner_text("#status") == MESSAGES["no_picture"]
        visitor.page.wait_for_selector(f"{button}:enabled")
        visitor.choose(noise_file)
        visitor.page.click("#picture button[aria-label='Remove Image']")
        visitor.page.wait_for_selector("#status:not(:has(p))", state="attached")


def test_a_picture_can_be_chosen_although_the_box_is_full(visit, noise_file):
    visitor = visit()
    with visitor.page.expect_file_chooser() as waiting:
        visitor.page.click("#own")
    waiting.value.set_files(noise_file)
    visitor.wait_for_status("noise ·")
    assert "noise.png" in visitor.page.get_attribute("#picture img", "src")
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))
