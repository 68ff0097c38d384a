"""Pictures as data URLs, which a page shows without a request."""

import base64
import io

import numpy as np
from PIL import Image


def data_url(picture: Image.Image | np.ndarray) -> str:
    """Return a picture as the data URL of a lossless PNG.

    >>> data_url(np.zeros((1, 1, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()
