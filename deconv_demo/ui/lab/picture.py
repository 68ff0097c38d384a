"""The small picture that the lab works on, and small pictures as HTML."""

import threading
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from deconv_demo.pictures import PictureError, open_picture, to_image
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.markup import safe
from deconv_demo.ui.workspace import Workspace

SIDE = 160
_ONE_AT_A_TIME = threading.Lock()


def picture_key(workspace: Workspace) -> str:
    """Return the path of the visitor's picture, clean where that is known, or ""."""
    path = workspace.reference or workspace.source
    return str(path) if path is not None and path.exists() else ""


def lab_image(key: str, side: int = SIDE) -> Tensor:
    """Return the middle of a picture, downscaled first where it is much larger.

    Args:
        key: Result of ``picture_key``; "" stands for scikit-image's cup of coffee.
        side: Largest side.

    Returns:
        ``(3, H, W)`` in ``[0, 1]``; both sides multiples of 8.

    Raises:
        PictureError: The picture cannot be used, or is smaller than 48 pixels a side.
    """
    # A function cache does not lock: a large photograph that a dozen charts request at once would
    # be decoded as often.
    with _ONE_AT_A_TIME:
        return _reduced(key, side)


@lru_cache(maxsize=8)
def _reduced(key: str, side: int) -> Tensor:
    if key:
        picture = open_picture(key).convert("RGB")
    else:
        import skimage.data

        picture = Image.fromarray(skimage.data.coffee())
    # A crop of a large photograph would show a patch of blur: downscaled, it has some detail.
    factor = min(picture.size) // (2 * side)
    if factor > 1:
        picture = picture.reduce(factor)
    width, height = (min(length, side) // 8 * 8 for length in picture.size)
    if min(width, height) < 48:
        raise PictureError(
            "too_small_to_judge", width=picture.width, height=picture.height, least=48
        )
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    crop = picture.crop((left, top, left + width, top + height))
    return to_image(crop)[0]


def image_url(image: Tensor) -> str:
    """Return ``(3, H, W)`` in ``[0, 1]``, or ``(H, W)`` gray, as a lossless PNG."""
    pixels = image.clamp(0, 1).mul(255).round().to(torch.uint8)
    return data_url(np.ascontiguousarray(pixels.movedim(0, -1) if pixels.dim() == 3 else pixels))


def figure(url: str, title: str, detail: str = "", *, best: bool = False) -> str:
    """Return one picture with its caption, which holds only our own strings and numbers."""
    return (
        f'<figure{" class=best" if best else ""}><img src="{url}" alt="{safe(title)}">'
        f"<figcaption><b>{safe(title)}</b><span>{safe(detail)}</span></figcaption></figure>"
    )


def figures(drawn: Iterable[str]) -> str:
    """Return pictures side by side."""
    return f'<div class="lab-figures">{"".join(drawn)}</div>'
