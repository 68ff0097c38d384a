"""The arrows of the architecture: leaves, tasks, weights, enhancement, ui, app; never back."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "deconv_demo"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# What a module may import beside the leaves. Every module of the top level that is not named
# here is a leaf, and imports none of ours.
ARROWS = {
    "__init__": {"enhancement", "memory", "tasks"},
    "__main__": {"enhancement", "tasks", "weights"},
    "images": {"costly_files", "eight_bits", "picture_errors", "picture_files"},
    "eight_bits": {"picture_files"},
    "picture_files": {"broken_files", "costly_files", "picture_errors"},
    "broken_files": {"picture_errors"},
    "costly_files": {"picture_errors"},
    "lean": {"equivalents", "networks"},
    "receptive": {"layers"},
    "surgery": {"lean", "network_map"},
    "channel_ranking": {"surgery"},
    "network_map": {"layers"},
    "damages": set(),
    "tasks": {"damages"},
    "wiener": set(),
    "blind_blur": {"wiener"},
    "ranges": set(),
    "quantised": {"lean", "ranges"},
    "precision": {"lean", "quantised", "tasks"},
    "weights": {"blind_blur", "ranges", "tasks"},
    "guiding": {"blind_blur", "weights", "wiener"},
    "enhancement": {"guiding", "precision", "tasks", "weights"},
    "known_answer": {"tasks", "weights", "enhancement"},
    "classroom": {"tasks", "weights"},
    "equivalents": set(),
}
LEAVES = {name for name in MODULES if "." not in name and name not in ARROWS} | {
    "images",
    "picture_files",
}


def imported_names(tree: ast.AST, module: str) -> set[str]:
    """Every module that the code imports, with its full dotted name, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ["deconv_demo", *module.split(".")[:-1]]
                kept = package[: len(package) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def ours(names: set[str]) -> set[str]:
    """Of all names, the rooms of this package: "tasks", "ui", "training"."""
    parts = {tuple(name.split(".")) for name in names}
    rooms = {path[1] for path in parts if len(path) > 1 and path[0] == "deconv_demo"}
    return {room for room in rooms if room in MODULES or (PACKAGE / room).is_dir()}


def imports_of(module: str) -> set[str]:
    return imported_names(ast.parse(MODULES[module].read_text(encoding="utf-8")), module)


def test_the_reader_of_imports_reads_all_kinds():
    code = """
import deconv_demo.weights
from deconv_demo import tasks
from deconv_demo.ui.enhance_tab import run
from . import metrics
def late():
    from .training import loop
"""
    rooms = ours(imported_names(ast.parse(code), "somewhere"))
    assert rooms >= {"weights", "tasks", "metrics", "training"}
    assert "ui" in rooms or not (PACKAGE / "ui").is_dir()


@pytest.mark.parametrize("module", [name for name in MODULES if "." not in name])
def test_imports_run_one_way(module):
    if module in ARROWS and module not in {"images", "picture_files", "__init__"}:
        allowed = ARROWS[module] | LEAVES
    else:
        allowed = ARROWS.get(module, set())
    assert ours(imports_of(module)) <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_only_the_page_imports_gradio(module):
    roots = {name.split(".")[0] for name in imports_of(module)}
    assert "gradio" not in roots or module.split(".")[0] == "ui"


@pytest.mark.parametrize("module", MODULES)
def test_nobody_imports_training(module):
    assert "training" not in ours(imports_of(module)) or module.split(".")[0] == "training"


@pytest.mark.parametrize("module", MODULES)
def test_nobody_imports_the_page(module):
    names = imports_of(module)
    assert "app" not in names
    assert "ui" not in ours(names) or module.split(".")[0] == "ui"


def test_the_page_trains_nothing_and_training_draws_no_page():
    for module in MODULES:
        if module.startswith("training."):
            assert not ours(imports_of(module)) & {"ui", "classroom", "__main__"}, module


def test_no_room_for_odds_and_ends():
    words = {word for module in MODULES for word in module.split(".")}
    assert not words & {"utils", "util", "helpers", "common", "misc"}


def test_no_module_needs_one_system():
    """What only some systems have is imported where it is used, or not at all."""
    for name, path in MODULES.items():
        top = ast.Module(ast.parse(path.read_text(encoding="utf-8")).body, [])
        top.body = [node for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imported_names(top, name) & {"resource", "fcntl", "pwd", "termios"}, name


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after ``code``, in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not result.stderr, "importing is silent"
    return set(result.stdout.split())


def test_importing_the_package_is_light():
    loaded = loaded_by("import deconv_demo; deconv_demo.__version__")
    assert "deconv_demo" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "gradio", "skimage", "deconv_demo.tasks"}


def test_the_help_of_the_command_line_is_light():
    code = "import deconv_demo.__main__ as command; command._parser().format_help()"
    assert not loaded_by(code) & {"torch", "numpy", "PIL", "gradio"}


def test_the_public_names():
    import deconv_demo
    from deconv_demo.enhancement import enhance
    from deconv_demo.tasks import TASKS

    assert deconv_demo.enhance is enhance
    assert deconv_demo.TASKS is TASKS
    assert sorted(deconv_demo.__all__) == ["TASKS", "__version__", "enhance"]
    with pytest.raises(AttributeError, match="no attribute 'enhanse'"):
        _ = deconv_demo.enhanse


def test_feature_maps_lie_in_large_pages():
    """Read from the kernel, for a process that imports the package before PyTorch."""
    switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not switch.exists() or "[never]" in switch.read_text():
        pytest.skip("this system has no large pages to give")
    code = """
import deconv_demo, torch
kept = torch.ones(64, 2**20)  # 256 MB
with open("/proc/self/smaps_rollup") as rollup:
    print(next(line.split()[1] for line in rollup if line.startswith("AnonHugePages")))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) * 1024 > 100 * 2**20
