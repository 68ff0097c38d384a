"""The presets of the lab: an input, a kernel and settings each."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deconv_demo.convolution import output_size

MIN_INPUT, MAX_INPUT = 2, 8
MAX_KERNEL = 5
MAX_VALUE = 9999
# As in transposed.js. Settings beyond the controls of the page would fill the memory.
SETTINGS = {"stride": (1, 4), "padding": (0, 6), "output_padding": (0, 3), "dilation": (1, 3)}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One transposed convolution with numbers, of one square channel.

    Attributes:
        x: Rows of the input.
        kernel: Rows of the kernel.
        stride, padding, output_padding, dilation: As in ``torch.nn.ConvTranspose2d``.

    Raises:
        ValueError: PyTorch refuses the settings, an array is not a square of an allowed size, or a
            number is too large for the page.
    """

    x: tuple[tuple[float, ...], ...]
    kernel: tuple[tuple[float, ...], ...]
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    dilation: int = 1

    def __post_init__(self) -> None:
        if not MIN_INPUT <= len(self.x) <= MAX_INPUT or not (1 <= len(self.kernel) <= MAX_KERNEL):
            raise ValueError(f"got {len(self.x)} input rows and {len(self.kernel)} of the kernel")
        for rows in (self.x, self.kernel):
            if {len(row) for row in rows} != {len(rows)}:
                raise ValueError(f"a square array is wanted, got rows of {[len(r) for r in rows]}")
        if not (np.abs([*np.ravel(self.x), *np.ravel(self.kernel)]) <= MAX_VALUE).all():
            raise ValueError(f"a cell holds a number from -{MAX_VALUE} to {MAX_VALUE}")
        for name, (least, most) in SETTINGS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from {least} to {most}")
        output_size(len(self.x), len(self.kernel), **self.settings)

    @property
    def settings(self) -> dict[str, int]:
        """Keywords of ``torch.nn.functional.conv_transpose2d``."""
        return {name: getattr(self, name) for name in SETTINGS}


def read_run(data: Any) -> Run:
    """Parse a run from the data of a browser, which may be anything.

    Raises:
        ValueError: It is no run that the lab can show.

    >>> read_run({"x": [[1, 2], [3, 4]], "kernel": [[1]], "stride": 2}).settings["stride"]
    2
    """
    try:
        arrays = {
            name: tuple(tuple(float(value) for value in row) for row in data[name])
            for name in ("x", "kernel")
        }
        names = Run.__dataclass_fields__.keys() - arrays.keys()
        return Run(**arrays, **{name: int(data[name]) for name in names if name in data})
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a run: {error!r}") from error


def as_json(run: Run) -> dict[str, Any]:
    """Return a run as the page's script expects it."""
    return asdict(run)


def _count(side: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row * side + column + 1 for column in range(side)) for row in range(side))


def _filled(side: int, value: float) -> tuple[tuple[float, ...], ...]:
    return ((value,) * side,) * side


_EDGE = ((1, 0, -1),) * 3
_TENT = (0.25, 0.75, 0.75, 0.25)
_BOX = (
    (0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0),
    (0, 0, 9, 9, 0, 0),
    (0, 0, 9, 9, 0, 0),
    (0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0),
)

# The lab opens with the first one.
PRESETS: dict[str, Run] = {
    "ones": Run(x=_count(3), kernel=_filled(3, 1), stride=2),
    "nearest": Run(x=_count(3), kernel=_filled(2, 1), stride=2),
    "bilinear": Run(
        x=_count(3),
        kernel=tuple(tuple(a * b for b in _TENT) for a in _TENT),
        stride=2,
        padding=1,
    ),
    "edge": Run(x=_BOX, kernel=_EDGE, padding=1),
    "uneven": Run(x=_filled(4, 1), kernel=_filled(3, 1), stride=2, padding=1),
    "even": Run(x=_filled(4, 1), kernel=_filled(4, 1), stride=2, padding=1),
    "doubling": Run(
        x=_count(4),
        kernel=((1, 2, 1), (2, 4, 2), (1, 2, 1)),
        stride=2,
        padding=1,
        output_padding=1,
    ),
    "gaps": Run(x=_count(3), kernel=_filled(2, 1), stride=3, output_padding=2),
    "dilated": Run(x=_count(3), kernel=_filled(3, 1), dilation=2, padding=1, output_padding=1),
    "itself": Run(x=_count(3), kernel=_count(3), padding=1),
    "back": Run(x=((94, 154, 106), (186, 285, 186), (106, 154, 94)), kernel=_count(3), padding=1),
    "columns": Run(x=_count(3), kernel=_EDGE),
}
