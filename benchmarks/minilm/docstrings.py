"""Docstrings of Python's standard library: real English sentences that every machine already has."""

from __future__ import annotations

import ast
import inspect
import sysconfig
from pathlib import Path

MODULES = ("argparse", "ast", "asyncio", "bisect", "calendar", "collections", "concurrent", "configparser",
           "contextlib", "copy", "csv", "dataclasses", "datetime", "_pydatetime", "decimal", "_pydecimal", "difflib",
           "doctest", "email", "enum", "fractions", "functools", "gettext", "heapq", "http", "imaplib", "inspect",
           "ipaddress", "json", "locale", "logging", "mailbox", "optparse", "pathlib", "pickle", "random", "shutil",
           "socket", "statistics", "string", "subprocess", "tarfile", "tempfile", "textwrap", "threading", "typing",
           "unittest", "urllib", "zipfile")
SHORTEST = 20       # characters: below are stubs such as "See base."


def docstrings(count: int) -> list[str]:
    """Return different docstrings, in a fixed order: always the same ones for one version of Python.

    The sources are parsed, not imported.

    Parameters
    ----------
    count : int
        How many.

    Raises
    ------
    RuntimeError
        Where the library's sources are not installed, so that fewer are found.
    """
    library = Path(sysconfig.get_path("stdlib"))
    found: dict[str, None] = {}     # a dict is a set that keeps the order
    for name in MODULES:
        single = library / f"{name}.py"     # a module in one Python version is a package in the next
        for path in [single] if single.exists() else sorted((library / name).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
                    if len(text) >= SHORTEST:
                        found[text] = None
            if len(found) >= count:
                return list(found)[:count]
    raise RuntimeError(f"only {len(found)} docstrings in {library}, {count} wanted: are its sources installed?")
