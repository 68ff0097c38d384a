"""The noise that was read of a picture, drawn: by brightness, by channel, and how coarse it is."""

from typing import Any

from deconv_demo.estimation import BRIGHTNESSES
from deconv_demo.ui.texts import text

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 210, 96, 30, 18
_CHANNELS = (("red", "#dc2626"), ("green", "#15803d"), ("blue", "#2563eb"))


def noise_chart(language: str, facts: dict[str, Any]) -> str:
    """Return a chart of the noise that was read, empty where none was."""
    levels, channels = facts.get("level_by_brightness"), facts.get("sigma_by_channel")
    if not levels or not channels or max(levels) * 255 < 0.5:
        return ""
    curve = [255 * level for level in levels]
    bars = [255 * level for level in channels]
    most = max(*curve, *bars, 1.0) * 1.15
    return (
        '<div class="noise-read">'
        + _figure(_curve(curve, most), text(language, "facts.noise.brightness"))
        + _figure(_bars(bars, most), text(language, "facts.noise.channels"))
        + f'<p class="fine">{_sentence(language, facts, curve)}</p></div>'
    )


def _sentence(language: str, facts: dict[str, Any], curve: list[float]) -> str:
    grain = facts["grain"]
    kind = "coarse" if grain >= 1.5 else "fine"
    grows = "even"
    if max(curve) > 1.5 * min(curve) + 1:
        grows = "bright" if curve[-1] + curve[-2] > curve[0] + curve[1] else "dark"
    return (
        text(language, f"facts.noise.grain.{kind}", grain=f"{grain:.1f}")
        + " "
        + text(language, f"facts.noise.{grows}")
    )


def _figure(drawing: str, caption: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{caption}">{drawing}</svg><figcaption>{caption}</figcaption>'
        "</figure>"
    )


def _y(value: float, most: float) -> float:
    return (_HEIGHT - _BOTTOM) * (1 - value / most) + 4


def _axes(most: float) -> str:
    base = _y(0, most)
    lines = f'<path class="axis" d="M{_LEFT} 4V{base:.1f}H{_WIDTH - 4}"/>'
    for value in (0.0, most / 1.15):
        lines += f'<text x="{_LEFT - 4}" y="{_y(value, most) + 4:.1f}" text-anchor="end">'
        lines += f"{value:.0f}</text>"
    return lines


def _curve(levels: list[float], most: float) -> str:
    places = [_LEFT + brightness * (_WIDTH - _LEFT - 8) for brightness in BRIGHTNESSES]
    points = " ".join(f"{x:.1f},{_y(y, most):.1f}" for x, y in zip(places, levels, strict=True))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{_y(y, most):.1f}" r="3"/>'
        for x, y in zip(places, levels, strict=True)
    )
    # The axis itself goes from black to white.
    scale = "".join(
        f'<rect x="{x - 14:.1f}" y="{_HEIGHT - 11}" width="28" height="8" '
        f'fill="rgb({shade},{shade},{shade})" stroke="#888" stroke-width="0.5"/>'
        for x, shade in (
            (x, round(255 * brightness)) for x, brightness in zip(places, BRIGHTNESSES, strict=True)
        )
    )
    return f'{_axes(most)}<polyline class="curve" points="{points}"/>{dots}{scale}'


def _bars(levels: list[float], most: float) -> str:
    width = (_WIDTH - _LEFT - 8) / 3
    bars = ""
    for index, (value, (_, color)) in enumerate(zip(levels, _CHANNELS, strict=True)):
        x, y = _LEFT + (index + 0.2) * width, _y(value, most)
        bars += f'<rect x="{x:.1f}" y="{y:.1f}" width="{0.6 * width:.1f}" '
        bars += f'height="{_y(0, most) - y:.1f}" fill="{color}"/>'
        bars += f'<text x="{x + 0.3 * width:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        bars += f"{value:.1f}</text>"
    return _axes(most) + bars
