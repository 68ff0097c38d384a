"""The section "beyond two dimensions" as HTML: a sound, a block and a clip with their numbers."""

import base64

import numpy as np
from torch import Tensor

from deconv_demo.convolution import output_size, overlap_map, overlap_ratio
from deconv_demo.inspection import colorize
from deconv_demo.ui.charts import Line, line_chart
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.lab.dimensions_data import (
    CLIPS,
    SAMPLE_RATE,
    animation_bytes,
    double_clip,
    pan,
    sound,
    spectrum,
    wav_bytes,
)
from deconv_demo.ui.lab.picture import figure, figures
from deconv_demo.ui.lab.voxels import block
from deconv_demo.ui.markup import safe
from deconv_demo.ui.numbers import fixed
from deconv_demo.ui.texts import text

# Twelve thousandths of a second in the middle of a note.
_SHOWN = slice(round(0.62 * SAMPLE_RATE), round(0.632 * SAMPLE_RATE))
_SPECTRUM_POINTS = 230
_FRAME_MILLISECONDS = 160
_SLICE_CELL = 12
_BORDER = 2


def sound_html(kernel_size: int, stride: int, shape: str, language: str) -> str:
    """Return both players, both waveforms, both spectra, and how strong the tone is."""
    heard = sound(kernel_size, stride, shape)
    names = [text(language, f"lab.dimensions.{name}") for name in ("melody", "painted")]
    both = [heard.melody, heard.painted]
    players = "".join(
        f"<figure><figcaption>{safe(name)}</figcaption>"
        f'<audio controls preload="metadata" src="{_url("audio/wav", wav_bytes(samples))}" '
        f'aria-label="{safe(name)}"></audio></figure>'
        for name, samples in zip(names, both, strict=True)
    )
    tone = text(
        language,
        "lab.dimensions.tone",
        hertz=f"{heard.tone_hz:,.0f}",
        level=_level(heard.tone_db),
        ratio=fixed(heard.ratio, 2),
    )
    milliseconds = 1000 * np.arange(_SHOWN.start, _SHOWN.stop) / SAMPLE_RATE
    waves = line_chart(
        [
            Line(name=name, points=list(zip(milliseconds, samples[_SHOWN], strict=True)))
            for name, samples in zip(names, both, strict=True)
        ],
        x_label=text(language, "lab.dimensions.axis.time"),
        y_label=text(language, "lab.dimensions.axis.sample"),
        name=text(language, "lab.dimensions.waves"),
        height=220,
    )
    loudest = spectrum(heard.melody)[1].max()
    spectra = line_chart(
        [
            Line(name=name, points=_thinned(*spectrum(samples), loudest))
            for name, samples in zip(names, both, strict=True)
        ],
        x_label=text(language, "lab.dimensions.axis.frequency"),
        y_label=text(language, "lab.dimensions.axis.level"),
        name=text(language, "lab.dimensions.spectra"),
        y_range=(-90, 10),
        marks=[(heard.tone_hz, f"{heard.tone_hz:,.0f} Hz")],
        height=220,
    )
    return (
        f'<div class="lab-sound"><div class="lab-players">{players}</div>'
        f'<p class="lab-number" id="dimensions-tone">{safe(tone)}</p>'
        f'<div class="lab-columns"><div>{waves}</div><div>{spectra}</div></div></div>'
    )


def _level(decibels: float) -> str:
    """Return a level without digits where nobody could hear it."""
    return "< −90" if decibels < -90 else fixed(decibels, 0)


def _thinned(frequencies: np.ndarray, levels: np.ndarray, loudest: float) -> list:
    """Return the strongest line of each of some hundred stretches of the spectrum."""
    stretches = zip(
        np.array_split(frequencies, _SPECTRUM_POINTS),
        np.array_split(levels - loudest, _SPECTRUM_POINTS),
        strict=True,
    )
    return [(float(f.mean()), float(v.max())) for f, v in stretches]


def block_html(input_size: int, kernel_size: int, stride: int, language: str) -> str:
    """Return the output of a three-dimensional layer as a block, and slice by slice."""
    counts = overlap_map(kernel_size, stride, input_size=input_size, dimensions=3)
    side = output_size(input_size, kernel_size, stride=stride)
    ratio = overlap_ratio(kernel_size, stride, dimensions=3)
    shape = f"nn.ConvTranspose3d(1, 1, kernel_size={kernel_size}, stride={stride})"
    sizes = f"{input_size} × {input_size} × {input_size} → {side} × {side} × {side}"
    name = text(language, "lab.dimensions.block")
    note = text(
        language,
        "lab.dimensions.block.note",
        most=counts.max(),
        ratio=fixed(ratio, 2),
    )
    slices = "".join(
        f'<img src="{_slice_url(layer, counts.max())}" '
        f'alt="{safe(text(language, "lab.dimensions.slice", number=number))}">'
        for number, layer in enumerate(counts, 1)
    )
    return (
        f'<div class="lab-columns"><div>{block(counts, name=safe(name))}</div><div>'
        f'<p class="lab-number" id="dimensions-shape"><b>{sizes}</b></p><p><code>{shape}</code></p>'
        f'<p class="lab-fine">{safe(note)}</p><div class="lab-slices">{slices}</div>'
        f'<p class="lab-fine">{safe(text(language, "lab.dimensions.slices"))}</p></div></div>'
    )


def _slice_url(counts: np.ndarray, most: int) -> str:
    pixels = colorize(counts, signed=False, limit=float(most))
    return data_url(pixels.repeat(_SLICE_CELL, axis=0).repeat(_SLICE_CELL, axis=1))


def clip_html(key: str, language: str) -> str:
    """Return a clip and three ways to double it, with the brightness of every frame."""
    given = pan(key)
    clips = {"given": given} | {name: double_clip(key, name) for name in CLIPS}
    drawn = []
    for name, clip in clips.items():
        # Twice the frames at half the time each, so that all play at the same speed.
        milliseconds = _FRAME_MILLISECONDS * given.shape[1] // clip.shape[1]
        frames, height, width = clip.shape[1:]
        # The first and the last frame get fewer contributions: in a loop they would flash.
        played = clip if name == "given" else clip[:, 1:-1]
        drawn.append(
            figure(
                _url("image/webp", animation_bytes(played, milliseconds=milliseconds)),
                text(language, f"lab.dimensions.clip.{name}"),
                text(
                    language,
                    "lab.dimensions.clip.size",
                    frames=frames,
                    width=width,
                    height=height,
                ),
            )
        )
    chart = line_chart(
        [
            Line(
                name=text(language, f"lab.dimensions.clip.{name}"),
                points=_brightness(clip),
            )
            for name, clip in clips.items()
            if name != "given"
        ],
        x_label=text(language, "lab.dimensions.axis.frame"),
        y_label=text(language, "lab.dimensions.axis.brightness"),
        name=text(language, "lab.dimensions.flicker"),
        height=220,
    )
    return f'<div class="lab-clips">{figures(drawn)}{chart}</div>'


def _brightness(clip: Tensor) -> list[tuple[int, float]]:
    """Return number and mean of each frame, without borders, which get fewer contributions."""
    inside = clip[:, _BORDER:-_BORDER, _BORDER:-_BORDER, _BORDER:-_BORDER]
    return list(enumerate(inside.mean(dim=(0, 2, 3)).tolist(), _BORDER + 1))


def _url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
