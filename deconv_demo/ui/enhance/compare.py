"""The before/after comparison of the page: two pictures, one divider, exact to the pixel.

It shows the files as they are (no canvas, no re-encoding), lets the page scroll under wheel and
finger, and works by pointer, touch and keyboard. Its text is set as text in
``static/compare.js``, never through a template, which Gradio would run as code.
"""

import gradio as gr

from deconv_demo.ui.static_files import read_static

_SCRIPTS = ("compare_geometry.js", "compare.js")

# Every text of the component; all are required, so that every button has a name.
TEXT_KEYS = frozenset(
    {
        "before",
        "after",
        "position",
        "zoom",
        "fit",
        "actual",
        "pair",
        "placeholder",
        "alt_before",
        "alt_after",
    }
)

# A constant on purpose: Gradio re-renders when the value changes and would overwrite the nodes of
# the script, but leaves them alone where the template returns the same string.
_SKELETON = """
<div class="compare" data-state="empty" data-layout="wipe">
  <div class="compare-empty">
    <svg viewBox="0 0 48 36" width="48" height="36" fill="none" aria-hidden="true">
      <rect x="1" y="1" width="46" height="34" rx="3" stroke="currentColor" stroke-width="1.5"/>
      <path d="M24 1v34M17 14l-4 4 4 4M31 14l4 4-4 4" stroke="currentColor" stroke-width="1.5"/>
    </svg>
    <p class="compare-placeholder"></p>
  </div>
  <div class="compare-stage" role="group">
    <div class="compare-side" data-side="before">
      <div class="compare-clip"></div><span class="compare-caption" aria-hidden="true"></span>
    </div>
    <div class="compare-side" data-side="after">
      <div class="compare-clip"></div><span class="compare-caption" aria-hidden="true"></span>
    </div>
    <div class="compare-divider" aria-hidden="true">
      <span class="compare-handle"><svg viewBox="0 0 24 24" width="24" height="24" fill="none"
        stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
        <path d="M9 7l-5 5 5 5M15 7l5 5-5 5"/></svg></span>
    </div>
  </div>
  <div class="compare-tools">
    <label class="compare-position">
      <span class="compare-label"></span>
      <input type="range" min="0" max="100" step="0.5" value="50">
      <span class="compare-number" aria-hidden="true"></span>
    </label>
    <div class="compare-zoom" role="group">
      <button type="button" data-zoom="fit"></button>
      <button type="button" data-zoom="1"></button>
      <button type="button" data-zoom="2">200 %</button>
      <button type="button" data-zoom="4">400 %</button>
    </div>
    <button type="button" class="compare-pair"></button>
  </div>
</div>
"""


def build_compare(*, elem_id: str) -> gr.HTML:
    """Build an empty comparison; call inside ``gr.Blocks`` and fill it from an event.

    The page must be launched with ``static/compare.css`` in its ``css``.

    Args:
        elem_id: Id of the component in the page.

    Returns:
        A component whose value is ``None`` or a result of :func:`compare_value`.
    """
    return gr.HTML(
        value=None,
        html_template=_SKELETON,
        js_on_load=read_static(__file__, *_SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
    )


def compare_value(
    *,
    before_url: str,
    after_url: str,
    width: int,
    height: int,
    texts: dict[str, str],
    position: float = 50,
) -> dict:
    """Return the value of the component for two pictures of one size.

    A value of the same size as the present one keeps the visitor's divider, zoom and pan; another
    size starts at ``position`` and fitted. Where both addresses are equal to the present ones, only
    the texts change.

    Args:
        before_url: Address of the picture on the left. If it and ``after_url`` are empty, there
            are no pictures yet, and ``texts["placeholder"]`` is shown.
        after_url: Address of the picture on the right.
        width: Pixels of both pictures.
        height: Pixels of both pictures.
        texts: Translated plain text for each of ``TEXT_KEYS``: captions of the two sides
            (``before``, ``after``), labels (``position``, ``zoom``, ``fit``, ``actual`` for
            100 %, ``pair``), ``placeholder``, and descriptions of the pictures for screen
            readers (``alt_before``, ``alt_after``).
        position: Start of the divider, in percent of the width.

    Returns:
        A dictionary of plain JSON values.

    Raises:
        ValueError: One address without the other, a size below 1, a position outside
            ``[0, 100]``, or a text missing.

    >>> texts = dict.fromkeys(TEXT_KEYS, "...")
    >>> value = compare_value(before_url="/a", after_url="/b", width=64, height=48, texts=texts)
    >>> value["width"], value["height"], value["position"]
    (64, 48, 50)
    """
    if bool(before_url) != bool(after_url):
        raise ValueError(
            f"both addresses or none, got before_url={before_url!r}, after_url={after_url!r}"
        )
    if before_url and min(width, height) < 1:
        raise ValueError(f"a picture has at least 1 x 1 pixels, got {width} x {height}")
    if not 0 <= position <= 100:
        raise ValueError(f"position is a percentage in [0, 100], got {position}")
    if missing := sorted(TEXT_KEYS - texts.keys()):
        raise ValueError(f"texts lacks {', '.join(missing)}")
    return {
        "before_url": before_url,
        "after_url": after_url,
        "width": width,
        "height": height,
        "texts": {key: texts[key] for key in sorted(TEXT_KEYS)},
        "position": position,
    }
