"""The file of measured numbers, ``weights/metrics.json``, to which every command adds its part."""

import json
from pathlib import Path
from typing import Any


def read_report(path: Path) -> dict[str, Any]:
    """Return what the file holds; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write it so that a change of one number is a change of one line."""
    path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
