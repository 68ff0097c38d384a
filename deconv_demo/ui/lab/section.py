"""Base classes of the sections of the lab."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gradio as gr

from deconv_demo.ui import markup
from deconv_demo.ui.event_options import UNQUEUED
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.lab.picture import picture_key
from deconv_demo.ui.slider import Slider
from deconv_demo.ui.static_files import read_scripts
from deconv_demo.ui.texts import error_sentence, texts_under
from deconv_demo.ui.visibility import build_visibility_trigger
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)


class LabSection:
    """A section of the lab: a tab inside the tab.

    Args:
        language: State with the language of the visitor.
        workspace: State with the visitor's workspace.
        translations: Registry of the texts of components.

    Attributes:
        name: Text key of its title.
    """

    name: str

    def __init__(self, language: gr.State, workspace: gr.State, translations: Translations) -> None:
        self.language, self.workspace, self.translations = language, workspace, translations

    def build(self) -> None:
        """Place the components of the section."""
        raise NotImplementedError

    def wire(self) -> None:
        """Connect the events; the default is for a section that has none."""

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced by ``localize`` in another language."""
        raise NotImplementedError

    def localize(self, workspace: Workspace, language: str) -> list[Any]:
        """Return the content of ``localized_outputs`` in another language."""
        raise NotImplementedError

    def build_slider(
        self,
        elem_id: str,
        label: str,
        bounds: tuple[float, float],
        value: float,
        *,
        step: float = 1,
        min_width: int = 200,
    ) -> Slider:
        """Place a slider whose label has the text key ``label``."""
        slider = Slider(*bounds, value=value, step=step, min_width=min_width, elem_id=elem_id)
        return self.translations.register(slider, label=label)

    def build_preset(
        self, elem_id: str, names: Iterable[str], value: str | None, *, min_width: int = 200
    ) -> gr.Dropdown:
        """Place a choice among the settings of well-known networks."""
        choice = gr.Dropdown(choices=list(names), value=value, min_width=min_width, elem_id=elem_id)
        return self.translations.register(choice, label="lab.overlap.preset")


class ServedSection(LabSection):
    """A section that is computed on the server, once a visitor comes to it.

    Only the visibility trigger is localized; setting it makes the section render itself again,
    because its content depends on its controls.
    """

    def build(self) -> None:
        """Add the visibility trigger, the State with the last render key, and the content."""
        self.visibility = build_visibility_trigger()
        # So that a return to the same picture costs nothing.
        self.rendered_key = gr.State("")
        self.build_content()

    def build_content(self) -> None:
        """Place the components of the section."""
        raise NotImplementedError

    def build_text(self, key: str) -> gr.Markdown:
        """Place a paragraph of prose, whose text is ``key``."""
        paragraph = gr.Markdown(elem_classes="lab-text")
        return self.translations.register(paragraph, value=key)

    def wire_visibility(
        self, render: Callable[..., tuple], inputs: list, outputs: list, **options: Any
    ) -> None:
        """Render the section when somebody comes near, unless it shows the same already.

        Args:
            render: Function of workspace, language and the values of ``inputs``; returns the
                values of ``outputs``.
            inputs: Controls.
            outputs: Components that it renders.
            **options: How the event is run, see ``event_options``.
        """

        def on_visible(
            rendered_key: str, workspace: Workspace, language: str, *controls: Any
        ) -> tuple:
            key = render_key(workspace, language)
            if rendered_key == key:
                return (gr.skip(),) * (len(outputs) + 1)
            return (*render(workspace, language, *controls), key)

        given = [self.rendered_key, self.workspace, self.language, *inputs]
        self.visibility.in_view(on_visible, given, [*outputs, self.rendered_key], **options)

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced by ``localize`` in another language."""
        return [self.visibility]

    def localize(self, workspace: Workspace, language: str) -> list[str]:
        """Return the content of ``localized_outputs`` in another language."""
        return [language]


def wire_controls(
    events: list[Callable], render: Callable, inputs: list, outputs: Any, **options: Any
) -> None:
    """Render whenever one of several controls moves; of moves meanwhile the last one counts.

    They are one event of the page: as an event each, the answer to an earlier move of one control
    could come after that to a later move of another, and stay.
    """
    gr.on(events, render, inputs, outputs, trigger_mode="always_last", **options)


def wire_preset(preset: gr.Dropdown, networks: Mapping[str, tuple], controls: list) -> None:
    """Set controls to the values of the network that is chosen."""
    unchanged = (gr.skip(),) * len(controls)  # for a name that only a program sends
    preset.input(lambda name: networks.get(name, unchanged), preset, controls, **UNQUEUED)


def preset_update(networks: Mapping[str, tuple], settings: tuple) -> Any:
    """Return the update of a preset: it stays selected as long as the controls keep its values."""
    return gr.update() if settings in networks.values() else gr.update(value=None)


def render_key(workspace: Workspace, language: str) -> str:
    """Return the key of a section's content; never empty, even for the built-in picture."""
    return f"{language}:{picture_key(workspace)}"


def html_or_problem(build: Callable[[], str], language: str) -> str:
    """Return the HTML that ``build`` makes, or a sentence with the reason why there is none."""
    try:
        return build()
    except Exception as error:
        log.exception("cannot build a part of the lab")
        return problem_html(error, language)


def problem_html(error: Exception, language: str) -> str:
    """Return the sentence of an error, as the lab shows it."""
    return markup.status(error_sentence(language, error), error=True)


class ScriptedSection(LabSection):
    """A section that a script draws: one component, with all of its texts.

    Attributes:
        prefix: Prefix of the text keys of the script.
    """

    prefix: str

    def build_panel(self, name: str, scripts: tuple[str, ...], value: Any) -> gr.HTML:
        """Place the component that the script draws.

        Args:
            name: Class of the element that the script fills, and the component's id.
            scripts: Files of ``static`` that are run one after another, as one.
            value: First value for the script.
        """
        self.panel = gr.HTML(
            value=value,
            texts=texts_under("en", self.prefix),
            # A constant, so that Gradio leaves the nodes of the script alone.
            html_template=f'<div class="{name}"></div>',
            js_on_load=read_scripts(__file__, *scripts),
            apply_default_css=False,
            elem_id=name,
        )
        return self.panel

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced by ``localize`` in another language."""
        return [self.panel]

    def localize(self, workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``localized_outputs`` in another language."""
        return [gr.HTML(texts=texts_under(language, self.prefix))]
