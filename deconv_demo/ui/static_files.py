"""Scripts and style sheets of the page, read from the ``static`` folder beside their Python."""

from pathlib import Path


def read_static(beside: str, *names: str) -> str:
    """Return the text of files in the ``static`` folder beside a module, joined by newlines.

    Args:
        beside: ``__file__`` of the module.
        *names: File names, in the order in which a browser needs them.

    Raises:
        FileNotFoundError: There is no such file.

    >>> read_static(__file__, "page.js")[:2]
    '//'
    """
    folder = Path(beside).parent / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def read_scripts(beside: str, *names: str) -> str:
    """Return the files as ``read_static`` does, after the script that makes elements.

    >>> read_scripts(__file__, "page.js").index("const createElement") < 100
    True
    """
    return "\n".join([read_static(__file__, "dom.js"), read_static(beside, *names)])
