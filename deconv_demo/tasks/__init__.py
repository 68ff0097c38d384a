"""The table of tasks: network, degradation, benchmark cases, controls and recipe of each."""

from deconv_demo.tasks.definition import CONTEXT, BenchmarkCase, Recipe, Task
from deconv_demo.tasks.table import TASKS

__all__ = ["CONTEXT", "TASKS", "BenchmarkCase", "Recipe", "Task"]
