"""The examples of the docstrings run, and every public function has some."""

import doctest
import importlib

import pytest

import fastla

MODULES = ["fastla._products", "fastla.config", "fastla._norms", "fastla._similarity", "fastla._index",
           "fastla._attention",
           "fastla._kv_cache", "fastla._softmax"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    # An attribute of that name may hide it.
    assert module.__name__ == name
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_public_function_has_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES]
    found = {test.name.rpartition(".")[2] for module in modules for test in finder.find(module) if test.examples}
    assert found >= set(fastla.__all__)


@pytest.mark.parametrize("name", ["matmul", "dot", "vecdot", "matvec", "vecmat"])
def test_compiled_entries_look_like_their_functions(name: str) -> None:
    function = getattr(fastla, name)
    assert function.__name__ == name
    assert function.__module__ == "fastla._products"
    assert "Returns" in function.__doc__
    assert function.__wrapped__.__doc__ == function.__doc__
