"""Every string for visitors, by language and key."""

import json
import re
from functools import cache
from pathlib import Path

from deconv_demo.networks import WeightsError
from deconv_demo.pictures import PictureError
from deconv_demo.restoration import KernelError

LANGUAGES = {"en": "English", "zh-CN": "中文"}
_LOCALES = Path(__file__).resolve().parent.parent / "locales"


@cache
def _strings(language: str) -> dict[str, str]:
    return json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def text(language: str, key: str, **values: object) -> str:
    """Return the string of ``key``, with its ``{placeholders}`` filled in.

    >>> text("en", "status.tile", done=2, total=6)
    'Tile 2 of 6'
    """
    return _strings(language)[key].format(**values)


def texts_under(language: str, prefix: str) -> dict[str, str]:
    """Return all strings whose keys start with ``prefix``, by the rest of their keys.

    They are for drawings in the browser, which fills in the placeholders itself.

    >>> texts_under("en", "page.theme.")["dark"]
    'Dark'
    """
    strings = _strings(language).items()
    return {key.removeprefix(prefix): text for key, text in strings if key.startswith(prefix)}


def preferred_language(accept_language: str) -> str:
    """Choose a language from the browser's Accept-Language header: Chinese, or else English.

    >>> preferred_language("zh-TW,zh;q=0.9,en;q=0.8")
    'zh-CN'
    """
    return "zh-CN" if accept_language.strip().lower().startswith("zh") else "en"


def error_sentence(language: str, error: Exception) -> str:
    """Return a sentence on an error and its remedy, in the visitor's language.

    Errors that are no visitor's fault all get the same sentence; their details go to the log.
    """
    if isinstance(error, PictureError):
        translated = _strings(language).get(f"error.picture.{error.code}")
        return translated.format(**error.values) if translated else str(error)
    if isinstance(error, KernelError):
        return text(language, "error.kernel" if error.is_missing else "error.kernel_range")
    if isinstance(error, WeightsError):
        return text(language, "error.weights")
    # PyTorch reports a lack of memory on the CPU as a plain RuntimeError, and on a graphics card
    # as one of its own with "CUDA out of memory".
    if isinstance(error, MemoryError) or re.search(
        "can't allocate memory|out of memory", str(error)
    ):
        return text(language, "error.memory")
    return text(language, "error.unexpected")
