"""What every test relies on: no network, two threads, and a few small photographs."""

import os

# Before anything imports gradio or huggingface_hub: both read these once, on import.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["NO_PROXY"] = "127.0.0.1,localhost"

import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import settings
from PIL import Image
from support.visitor import Visitor, noise
from torch import Tensor

torch.set_num_threads(2)
# The same examples in every run, and no failure because the machine was busy.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Untrained networks are the same in every run, in any order of the tests."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def photo_pixels() -> dict[str, np.ndarray]:
    """Crops ``(128, 128, 3)`` uint8 of scikit-image's astronaut, coffee and cat."""
    return {
        "astronaut": np.ascontiguousarray(skimage.data.astronaut()[40:168, 150:278]),
        "coffee": np.ascontiguousarray(skimage.data.coffee()[150:278, 230:358]),
        "cat": np.ascontiguousarray(skimage.data.cat()[90:218, 120:248]),
    }


@pytest.fixture(scope="session")
def photos(photo_pixels: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The same crops as images ``(1, 3, 128, 128)`` in ``[0, 1]``."""
    return {
        name: torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255
        for name, pixels in photo_pixels.items()
    }


@pytest.fixture
def random_image() -> Callable[..., Tensor]:
    """Make a seeded image of uniform noise ``(batch, 3, height, width)`` in ``[0, 1]``."""

    def make(height: int, width: int, *, batch: int = 1, seed: int = 0) -> Tensor:
        return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))

    return make


@pytest.fixture
def picture_folder(tmp_path: Path, photo_pixels: dict[str, np.ndarray]) -> Path:
    """A folder with the crops as PNG files."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name, pixels in photo_pixels.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def empty_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A weights folder with nothing in it, and nothing loaded from the shipped one."""
    from deconv_demo.restoration import weights

    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    for load in (weights.load_estimator, weights.load_upsamplers):
        load.cache_clear()
    yield tmp_path
    for load in (weights.load_estimator, weights.load_upsamplers):
        load.cache_clear()


@pytest.fixture
def noise_file(tmp_path: Path) -> Path:
    """A PNG file of ``visitor.noise``."""
    path = tmp_path / "noise.png"
    noise().save(path)
    return path


@pytest.fixture
def picture_tar(tmp_path, picture_folder):
    """The photographs of ``picture_folder`` in a tar file, added in no order of names."""
    path = tmp_path / "photographs.tar"
    with tarfile.open(path, "w") as archive:
        for file in sorted(picture_folder.iterdir(), reverse=True):
            archive.add(file, arcname=f"some/folder/{file.name}")
    return path


@pytest.fixture
def resize_with_pillow() -> Callable[[Tensor, tuple[int, int]], Tensor]:
    """Resize ``(1, 3, H, W)`` to ``(height, width)`` with Pillow, in float: the bicubic oracle."""

    def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size
        channels = [
            np.asarray(Image.fromarray(channel).resize((width, height), Image.Resampling.BICUBIC))
            for channel in image[0].float().numpy()
        ]
        return torch.from_numpy(np.stack(channels)).unsqueeze(0)

    return resize


@pytest.fixture(scope="session", autouse=True)
def upload_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of Gradio: where the page writes, and the only place where it may."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("gradio")
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The Chromium of this computer, headless, which reaches no other host."""
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        reason = f"no Chromium on the path (looked for {', '.join(names)})"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def served_page(upload_folder: Path) -> Iterator[tuple[Any, str]]:
    """The whole page and its address, served by this process.

    Built once: Gradio hands whatever component is made anywhere to the page that is being built,
    also those that an event of another page, not quite over yet, answers with.
    """
    from deconv_demo.ui.page import build_page, launch_options

    options = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
    page = build_page()
    _, address, _ = page.launch(**{**launch_options(), **options})
    yield page, address
    page.close(verbose=False)


@pytest.fixture(scope="session")
def page_address(served_page: tuple[Any, str]) -> str:
    """Where the page is served."""
    return served_page[1]


@pytest.fixture
def visit(browser: Any, page_address: str) -> Iterator[Callable[..., Visitor]]:
    """Open the page in a context of its own; at the end nothing may have gone wrong in it."""
    visitors, contexts = [], []

    def enter(*, wait: bool = True, query: str = "", **options: Any) -> Visitor:
        window = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        contexts.append(browser.new_context(**{**window, **options}))
        visitors.append(Visitor(contexts[-1], page_address + query))
        visitors[-1].open(wait=wait)
        return visitors[-1]

    yield enter
    for context in contexts:
        context.close()
    assert [line for visitor in visitors for line in visitor.complaints] == []
    assert all(visitor.hosts() == {"127.0.0.1"} for visitor in visitors)
