"""The file of measured numbers, ``weights/metrics.json``, to which every command adds its part."""

import json
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from deconv_demo.restoration import inference_device, inference_dtype


class MetricsFileError(RuntimeError):
    """A file of measured numbers cannot be read or written."""


def read_report(path: Path) -> dict[str, Any]:
    """Return the contents of the file, or an empty dictionary where there is none.

    Raises:
        MetricsFileError: The file does not hold measured numbers.
    """
    if not path.exists():
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MetricsFileError(
            f"{path} cannot be read as measured numbers ({error}); name another file"
        ) from error
    if not isinstance(report, dict):
        raise MetricsFileError(
            f"{path} holds {type(report).__name__}, not measured numbers by name"
        )
    return report


def prepare_report(path: Path) -> None:
    """Check before hours of measuring that the file can be written.

    Raises:
        MetricsFileError: It cannot.
    """
    read_report(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a"):
            pass
        if not path.stat().st_size:
            path.unlink()
    except OSError as error:
        raise MetricsFileError(f"{path} cannot be written ({error}); name another file") from error


def add_to_report(path: Path, value: Any, *keys: str) -> dict[str, Any]:
    """Set ``report[key][key]…`` in the file as it is by now, and return the whole report.

    Another command may have written its part while this one was measuring.
    """
    report = read_report(path)
    place = report
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    write_report(report, path)
    return report


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report so that a change of one number is a change of one line."""
    text = json.dumps(report, indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def describe_machine() -> dict[str, Any]:
    """Return date and hardware of a measurement, as ``date``, ``processor``, ``threads`` etc."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "dtype": str(inference_dtype(inference_device())).removeprefix("torch."),
        "torch": torch.__version__,
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
