"""The walls of the house: who may import whom, floor by floor."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "deconv_demo"

# From the ground up. A room imports from the floors below it, never from its own floor.
FLOORS = [
    {"pictures", "degradations", "convolution", "controls", "malloc"},
    {"networks", "classical"},
    {"tasks", "estimation", "inspection"},
    {"restoration"},
    {"ui", "training", "__main__"},
]
# Inside these two the same holds of what stands in them; what is not named is the ground.
UI_FLOORS = [{"enhance", "inside", "lab"}, {"api"}, {"page"}, {"benchmark"}]
TRAINING_FLOORS = [{"report"}, {"__main__"}]
# The front door imports late; see ``test_importing_the_package_is_light``.
DOOR = {"malloc", "restoration", "tasks"}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported_names(tree: ast.AST) -> set[str]:
    """Every module that the code imports, with its full dotted name, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import hides which wall it goes through"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports_of(module: str) -> set[str]:
    return imported_names(ast.parse(MODULES[module].read_text(encoding="utf-8")))


def entries(path: Path) -> set[str]:
    """What stands in a folder: modules and rooms, by name."""
    names = {one.stem if one.suffix else one.name for one in path.iterdir()}
    return {name for name in names if (path / name).is_dir() or (path / f"{name}.py").exists()}


def rooms(names: set[str], folder: str = "") -> set[str]:
    """Of imported names, the rooms or modules of a folder of this package."""
    prefix = f"deconv_demo.{folder}." if folder else "deconv_demo."
    found = {name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix)}
    return found & entries(PACKAGE / folder)


def floor_of(name: str, floors: list[set[str]]) -> int:
    """Number of the floor that a name stands on; -1 is the ground, of what is not named."""
    return next((number for number, floor in enumerate(floors) if name in floor), -1)


def test_the_reader_of_imports_reads_all_kinds():
    code = """
import deconv_demo.networks
from deconv_demo import tasks
from deconv_demo.ui.enhance.tab import run
def late():
    from deconv_demo.training import loop
"""
    names = imported_names(ast.parse(code))
    assert rooms(names) == {"networks", "tasks", "ui", "training"}
    assert rooms(names, "ui") == {"enhance"}


def test_every_room_stands_on_one_floor():
    named = [name for floor in FLOORS for name in floor]
    assert len(named) == len(set(named))
    aside = {"__init__", "locales", "__pycache__"}
    assert set(named) == entries(PACKAGE) - aside


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module):
    room, found = module.split(".")[0], rooms(imports_of(module))
    if module == "__init__":
        assert found <= DOOR
    else:
        below = set().union(*FLOORS[: floor_of(room, FLOORS)])
        assert found - {room} <= below


@pytest.mark.parametrize(("folder", "floors"), [("ui", UI_FLOORS), ("training", TRAINING_FLOORS)])
def test_imports_run_downwards_inside_the_large_rooms(folder, floors):
    for module in MODULES:
        if not module.startswith(f"{folder}."):
            continue
        part = module.split(".")[1]
        for other in rooms(imports_of(module), folder) - {part}:
            own, its = (floor_of(name, floors) for name in (part, other))
            assert its < own or own == its == -1, f"{module} imports {folder}.{other}"


@pytest.mark.parametrize("module", MODULES)
def test_other_rooms_are_entered_by_their_door(module):
    """A room is imported from as a package: what it hands on, not what stands behind its door."""
    for name in imports_of(module):
        parts = name.split(".")[1:] if name.startswith("deconv_demo.") else []
        if len(parts) > 1 and parts[0] not in {module.split(".")[0], "ui", "training"}:
            inside = (PACKAGE / parts[0] / f"{parts[1]}.py").exists()
            assert not inside or len(parts) == 2 and name not in froms_of(module), name


def froms_of(module: str) -> set[str]:
    """The modules that names are imported from."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("module", MODULES)
def test_only_the_page_imports_gradio(module):
    roots = {name.split(".")[0] for name in imports_of(module)}
    assert "gradio" not in roots or module.split(".")[0] == "ui"
    assert "app" not in roots


def test_no_room_for_odds_and_ends():
    words = {word for module in MODULES for word in module.split(".")}
    assert not words & {"utils", "util", "helpers", "common", "misc"}


def test_every_room_says_what_it_is_for():
    for module, path in MODULES.items():
        if module.endswith("__init__"):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert (docstring or "").partition("\n")[0].endswith("."), module


def test_no_module_needs_one_system():
    """What only some systems have is imported where it is used, or not at all."""
    for name, path in MODULES.items():
        top = ast.Module(ast.parse(path.read_text(encoding="utf-8")).body, [])
        top.body = [node for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imported_names(top) & {"resource", "fcntl", "pwd", "termios"}, name


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
    from deconv_demo.restoration.enhancement import enhance
    from deconv_demo.tasks import TASKS

    assert deconv_demo.enhance is enhance
    assert deconv_demo.TASKS is TASKS
    assert sorted(deconv_demo.__all__) == ["TASKS", "__version__", "diagnose", "enhance"]
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
