"""The file of measured numbers, ``weights/metrics.json``, to which every command adds its part."""

import json
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from deconv_demo.enhancement import inference_device, inference_dtype


def read_report(path: Path) -> dict[str, Any]:
    """Return what the file holds; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write it so that a change of one number is a change of one line."""
    path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def describe_machine() -> dict[str, Any]:
    """Return when and on what a number is measured: ``date``, ``processor``, ``threads``, …"""
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
