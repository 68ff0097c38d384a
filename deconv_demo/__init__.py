"""Deconv Lab: repair photographs with small networks built on transposed convolutions.

>>> from PIL import Image
>>> from deconv_demo import TASKS, enhance
>>> list(TASKS)
['denoise', 'deblur', 'jpeg', 'upscale_x2', 'upscale_x4']
>>> enhance(Image.new("RGB", (64, 48), "gray"), "denoise").after.size
(64, 48)
"""

import os
from typing import TYPE_CHECKING, Any

from deconv_demo.malloc import keep_freed_memory

# PyTorch asks once, at its first allocation: feature maps of many megabytes come and go with every
# layer, and in pages of 2 MB instead of 4 KB they come a tenth faster (Linux; ignored elsewhere).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
# Before any thread is started: each would have freed memory of its own.
keep_freed_memory()

__version__ = "0.1.0"
__all__ = ["TASKS", "diagnose", "enhance", "__version__"]

if TYPE_CHECKING:
    from deconv_demo.restoration import diagnose, enhance
    from deconv_demo.tasks import TASKS


def __getattr__(name: str) -> Any:
    """Import the public names on first use: PyTorch alone takes seconds to import."""
    if name in ("diagnose", "enhance"):
        from deconv_demo import restoration

        return getattr(restoration, name)
    if name == "TASKS":
        from deconv_demo.tasks import TASKS

        return TASKS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
