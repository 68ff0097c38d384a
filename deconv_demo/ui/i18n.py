"""A registry of translated components, which changes the language of all of them at once."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import gradio as gr
from gradio.blocks import Block

from deconv_demo.ui.texts import text

AnyBlock = TypeVar("AnyBlock", bound=Block)
# Text of a property: one key, or (key, value) pairs for the choices of a Radio.
Key = str | Sequence[tuple[str, str]]


class Translations:
    """All translated components of the page.

    >>> translations = Translations()
    >>> with gr.Blocks():
    ...     button = translations.register(gr.Button(), value="enhance.run")
    >>> button.value
    'Run'
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Block, Mapping[str, Key]]] = []

    def register(self, component: AnyBlock, **keys: Key) -> AnyBlock:
        """Set the English texts of a component, and remember it for other languages.

        Args:
            component: Any component or layout block.
            **keys: Property ("label", "value", "info", "choices") to text key.
        """
        self._entries.append((component, keys))
        for name, value in _properties("en", keys).items():
            setattr(component, name, value)
        return component

    @property
    def components(self) -> list[Block]:
        """Registered components, in the order of ``updates``."""
        return [component for component, _ in self._entries]

    def updates(self, language: str) -> list[dict[str, Any]]:
        """Return one update a component, with its texts in ``language``."""
        return [gr.update(**_properties(language, keys)) for _, keys in self._entries]


def _properties(language: str, keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        name: text(language, key)
        if isinstance(key, str)
        else [(text(language, label), value) for label, value in key]
        for name, key in keys.items()
    }
