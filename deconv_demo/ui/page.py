"""The page: its head, its tabs, and settings for all of them."""

import os
from typing import Any

# Before gradio is imported: no request goes to other hosts, and a proxy between this computer and
# the world must not be used for this computer itself.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "localhost,127.0.0.1"]))

import gradio as gr  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from deconv_demo.ui.api import PageBlocks, build_endpoint  # noqa: E402
from deconv_demo.ui.cache_cleanup import keep_clean  # noqa: E402
from deconv_demo.ui.enhance.example_strip import strip_value  # noqa: E402
from deconv_demo.ui.enhance.tab import EnhanceTab  # noqa: E402
from deconv_demo.ui.event_options import UNQUEUED  # noqa: E402
from deconv_demo.ui.i18n import Translations  # noqa: E402
from deconv_demo.ui.inside.tab import InsideTab  # noqa: E402
from deconv_demo.ui.lab.tab import LabTab  # noqa: E402
from deconv_demo.ui.request_limits import RequestLimitMiddleware  # noqa: E402
from deconv_demo.ui.static_files import read_static  # noqa: E402
from deconv_demo.ui.texts import LANGUAGES, preferred_language  # noqa: E402
from deconv_demo.ui.workspace import FileStore, Workspace  # noqa: E402

# Age at which files of visitors are deleted, and the time between two checks.
CACHE_SECONDS, CLEANING_SECONDS = 3600, 300
MAX_WAITING = 40
# Gradio remembers every page that was opened, with the data of its components: up to 3 MB. The
# one that was used longest ago is forgotten first, and has no picture when it is used again.
MAX_SESSIONS = 200
APPEARANCES = ("light", "dark", "projector")


def build_page() -> gr.Blocks:
    """Build the whole page; nothing is served yet."""
    translations = Translations()
    with PageBlocks(title="Deconv Lab", analytics_enabled=False) as page:
        made_files: set[str] = set()
        page.temp_file_sets.append(made_files)
        store = FileStore(made_files.add)
        language = gr.State("en")
        workspace = gr.State(Workspace())
        remembered = gr.BrowserState("", storage_key="deconv-lab-language", secret="deconv-lab")

        switch, appearance = _build_head(translations)
        enhance_tab = EnhanceTab(language, workspace, translations, store)
        inside_tab = InsideTab(language, workspace, translations, store)
        lab_tab = LabTab(language, workspace, translations)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            with translations.register(gr.Tab(id="enhance"), label="tab.enhance"):
                enhance_tab.build()
            inside = translations.register(gr.Tab(id="inside"), label="tab.inside")
            with inside:
                inside_tab.build()
            with translations.register(gr.Tab(id="lab"), label="tab.lab"):
                lab_tab.build()
        build_endpoint(store)

        inside_tab.wire(inside)
        page.unload(inside_tab.leave)
        lab_tab.wire()
        # Switch tabs in JavaScript. A component that is an output of any event is read back with
        # all of its children at every later event, and the Tabs contain the whole page.
        enhance_tab.look_inside.click(None, None, None, js=_call("openInside"), queue=False)

        def change_language(
            request: gr.Request, chosen: str, current: Workspace, *inside_view: Any
        ) -> list[Any]:
            if chosen not in LANGUAGES:  # only a program sends such
                return [gr.skip()] * len(language_outputs)
            return [
                chosen,
                chosen,
                *translations.updates(chosen),
                *enhance_tab.localize(current, chosen),
                *inside_tab.localize(str(request.session_hash), current, chosen, *inside_view),
                *lab_tab.localize(current, chosen),
                strip_value(chosen),
            ]

        def detect_language(saved: str, request: gr.Request) -> tuple[str, str]:
            header = request.headers.get("accept-language", "")
            known = isinstance(saved, str) and saved in LANGUAGES  # a client may send anything
            language = saved if known else preferred_language(header)
            return language, language

        language_outputs = [
            language,
            remembered,
            *translations.components,
            *enhance_tab.localized_outputs,
            *inside_tab.localized_outputs,
            *lab_tab.localized_outputs,
            enhance_tab.examples,
        ]
        switch.change(
            change_language,
            [switch, workspace, *inside_tab.view],
            language_outputs,
            **UNQUEUED,
        )
        language_detected = page.load(
            detect_language,
            remembered,
            [switch, language],
            **UNQUEUED,
        )
        # For screen readers, and for the right shapes of Chinese characters.
        for after in (switch.change, language_detected.then):
            after(None, switch, None, js=_call("applyLanguage"), queue=False)
        enhance_tab.wire(language_detected)
        appearance.change(None, appearance, None, js=_call("applyAppearance"), queue=False)
        page.load(None, None, appearance, js=_call("rememberedAppearance"), queue=False)
    keep_clean(page, age=CACHE_SECONDS, every=CLEANING_SECONDS)
    # Not open: a program waits in the queue like everybody else.
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=4, api_open=False)
    return page


def launch_options() -> dict[str, Any]:
    """Return the arguments of ``launch`` for this page."""
    sheets = (
        read_static(__file__, "page.css"),
        *(tab.style_sheets() for tab in (EnhanceTab, InsideTab, LabTab)),
    )
    return {
        "app_kwargs": {"middleware": [Middleware(RequestLimitMiddleware)]},
        "css": "\n".join(sheets),
        "head": f"<script>{read_static(__file__, 'page.js')}</script>",
        "theme": _theme(),
        "enable_monitoring": False,
        "footer_links": [],
        "max_file_size": "400mb",
        "max_threads": 16,
        "run_history": False,
        "share": False,
        "show_error": False,
        "ssr_mode": False,
        "state_session_capacity": MAX_SESSIONS,
    }


def _build_head(translations: Translations) -> tuple[gr.Radio, gr.Radio]:
    with gr.Row(elem_classes="head"):
        gr.HTML("<h1>Deconv Lab</h1>", elem_classes="name")
        translations.register(gr.Markdown(elem_classes="tagline"), value="page.tagline")
        switch = translations.register(
            gr.Radio(
                choices=[(name, code) for code, name in LANGUAGES.items()],
                value="en",
                scale=0,
                min_width=190,
                elem_id="language",
                elem_classes="switch",
                container=False,
            ),
            label="page.language",
        )
        appearance = translations.register(
            gr.Radio(
                value="light",
                scale=0,
                min_width=260,
                elem_id="appearance",
                elem_classes="switch",
                container=False,
            ),
            label="page.theme",
            choices=[(f"page.theme.{name}", name) for name in APPEARANCES],
        )
    return switch, appearance


def _theme() -> gr.themes.Base:
    # System fonts only: a web font would be requested from another host. Gradio's own gray has a
    # contrast of 2.6 on white, and small print should be readable too.
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=["system-ui", "-apple-system", "Segoe UI", "Noto Sans", "Noto Sans SC", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_500",  # 400 is too faint to read on white
        # White on teal 500 and 600, Gradio's own choice, has a contrast of 2.5 and 3.7.
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        color_accent="*primary_600",
        link_text_color="*secondary_700",
        link_text_color_hover="*secondary_800",
        link_text_color_active="*secondary_800",
        link_text_color_visited="*secondary_700",
    )


def _call(function: str) -> str:
    return f"(...values) => window.deconvLab.{function}(...values)"
