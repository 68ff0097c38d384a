"""The controls of a task: values that a visitor or a program may set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, kw_only=True)
class Control:
    """A slider of the page and a keyword of ``enhance``.

    Attributes:
        name: Keyword of ``enhance``.
        minimum, maximum, step: Range, in the units of ``enhance``.
        default: Initial value; None has the program estimate it from the picture.
        shown_per_unit: Factor from the units of ``enhance`` to those of the page (255 for sigma).
    """

    name: str
    minimum: float
    maximum: float
    step: float
    default: float | None
    shown_per_unit: float = 1


class ControlValues(TypedDict, total=False):
    """The controls that tasks have, as ``enhance`` is given them."""

    sigma: float
    strength: float
    quality: float
    amount: float


def resolve_controls(
    controls: Iterable[Control], overrides: Mapping[str, float | None], *, task_id: str
) -> dict[str, float | None]:
    """Return every control of a task with its value, overridden or default.

    Args:
        controls: Controls of the task.
        overrides: Values by the names of controls; None asks for an estimate.
        task_id: Name of the task in error messages.

    Raises:
        TypeError: The task does not have one of the controls.
        ValueError: A value lies outside the range of its control.

    >>> strength = Control(name="sigma", minimum=0, maximum=0.3, step=0.1, default=None)
    >>> resolve_controls([strength], {"sigma": 0.2}, task_id="denoise")
    {'sigma': 0.2}
    """
    known = {control.name: control for control in controls}
    unknown = overrides.keys() - known.keys()
    if unknown:
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise TypeError(f"{task_id} has no control {', '.join(sorted(unknown))}; {has}")
    values = {name: overrides.get(name, control.default) for name, control in known.items()}
    for name, value in values.items():
        control = known[name]
        if value is None and control.default is None:
            continue
        if value is None or not control.minimum <= value <= control.maximum:
            raise ValueError(
                f"{name} must be from {control.minimum:g} to {control.maximum:g}, got {value}"
            )
    return values
