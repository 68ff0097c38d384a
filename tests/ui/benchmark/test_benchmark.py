"""The benchmark of the Look inside tab runs, and the page knows nothing of it."""

import ast
from pathlib import Path

import pytest

import deconv_demo
from deconv_demo.ui.benchmark import __main__, page


def test_nobody_imports_the_benchmark():
    for path in Path(deconv_demo.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if path.parent.name != "benchmark":
            assert not any(name.startswith("deconv_demo.ui.benchmark") for name in names), path


def test_without_a_browser_it_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(page, "BROWSERS", ("no-such-browser",))
    assert __main__.main([]) == 2
    assert "no Chromium on the path (looked for no-such-browser)" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "code"), [(0.1, 0), (0.9, 1)])
def test_it_prints_medians_and_fails_where_one_is_late(monkeypatch, capsys, seconds, code):
    times = {one.name: [seconds, 3.0, 0.01] for one in __main__.MEASURES}
    monkeypatch.setattr(__main__, "measure", lambda *_, **__: times)
    assert __main__.main(["--repetitions", "3"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert "3 repetitions" in lines[0]
    for line, one in zip(lines[2:], __main__.MEASURES, strict=True):
        assert line.startswith(one.name)
        numbers = [part for part in line.split() if part.endswith(f"{seconds:.2f}") or part == "s"]
        assert f"{seconds:.2f}" in numbers
        assert f"3.00 s   {one.target:.2f} s" in line
