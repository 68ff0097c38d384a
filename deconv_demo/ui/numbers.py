"""Numbers for visitors: with a typographic minus, and no negative zero."""

import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float, digits: int) -> str:
    """Return a number with ``digits`` digits after the point.

    >>> fixed(-0.004, 2), fixed(-1.5, 1), fixed(math.inf, 2)
    ('0.00', '−1.5', '∞')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    string = f"{value:.{digits}f}"
    return (string.lstrip("-") if float(string) == 0 else string).replace("-", "−")


def short(value: float, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits; extreme ones as powers of ten.

    >>> short(0.25), short(-12345.0), short(0.00001), short(0.000032, 2)
    ('0.25', '−12345', '10⁻⁵', '3.2 × 10⁻⁵')
    """
    if value == round(value) and abs(value) < 1e6:
        return fixed(value, 0)
    string = f"{value:.{digits}g}"
    if "e" not in string:
        return string.replace("-", "−")
    factor, exponent = string.split("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if float(factor) == 1 else f"{factor.replace('-', '−')} × {power}"
