"""The walls of the house: who may know whom, what an import costs, what is public."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import counterpoise

SOURCE = Path(counterpoise.__file__).parent
EVERYBODY = {"errors", "chance"}

KNOWS = {
    "errors": set(),
    "chance": set(),
    "table": set(),
    "neighbours": {"table"},
    "scale": {"table", "decide"},
    "profile": {"table", "neighbours"},
    "split": {"table"},
    "resample": {"neighbours", "table"},
    "calibrate": {"table"},
    "learn": {"resample", "calibrate", "table"},
    "decide": {"calibrate", "table"},
    "bundle": {"learn", "decide", "calibrate", "table"},
    "evaluate": {
        "table", "profile", "split", "resample", "calibrate", "learn", "decide", "bundle", "scale", "report",
    },
    "report": {"evaluate"},
    "datasets": {"table", "decide"},
    "serve": {"bundle", "table", "monitor"},
    "monitor": {"decide", "evaluate"},
    "lab": {"table", "split", "calibrate", "learn", "decide", "evaluate", "datasets"},
    "cli": None,  # everything
    "__init__": None,
}  # fmt: skip
"""Rooms, and the rooms that each may import (errors and chance: everybody)."""

NARROW = {
    "report": {"counterpoise.evaluate.records"},
    "lab": {"counterpoise.evaluate.metrics"},
    "monitor": {"counterpoise.evaluate.metrics", "counterpoise.evaluate.intervals", "counterpoise.decide"},
}
"""Rooms that may know only these modules of another."""

LAZY_EDGES = {("evaluate", "report")}
"""Edges that exist only when a method is called: Trial.report() renders records that report alone understands."""

OPTIONAL = ["keras", "jax", "fastapi", "uvicorn", "sqlalchemy", "altair", "dask", "lightgbm", "catboost", "numba",
            "mlflow", "onnxruntime", "pandas", "pyarrow", "imblearn"]  # fmt: skip


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, int]]:
    """Modules of ours that a file imports, with the depth of the statement (0: on loading)."""
    found: list[tuple[str, int]] = []

    def visit(node: ast.AST, depth: int) -> None:
        for child in ast.iter_child_nodes(node):
            for_types = isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"
            deeper = depth + (isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or for_types)
            if isinstance(child, ast.Import):
                found.extend((alias.name, depth) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                found.append((str(child.module), depth))
                found.extend((f"{child.module}.{alias.name}", depth) for alias in child.names)
            visit(child, deeper)

    visit(ast.parse(path.read_text(encoding="utf-8")), 0)
    return [(name, depth) for name, depth in found if name.startswith("counterpoise.")]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_knows_only_what_it_may(path):
    here = room(path)
    assert here in KNOWS, f"{here} is a new room: say in KNOWS what it may know"
    if KNOWS[here] is None:
        return
    for name, depth in imports(path):
        there = name.split(".")[1]
        if there in EVERYBODY or there == here:
            continue
        assert there in KNOWS[here], f"{path.relative_to(SOURCE)} imports {name}"
        assert (here, there) not in LAZY_EDGES or depth > 0, f"{here} may know {there} only inside a function"
        allowed = NARROW.get(here, set())
        same_room = {a for a in allowed if a.split(".")[1] == there}
        assert not same_room or any(name == a or name.startswith(a + ".") for a in same_room) or (
            name == f"counterpoise.{there}" and any(a.startswith(name + ".") for a in same_room)
        ), f"{path.relative_to(SOURCE)} imports {name}, more than {sorted(same_room)}"  # fmt: skip


def test_rooms_form_no_cycle_on_loading():
    edges = {
        (room(path), name.split(".")[1])
        for path in modules()
        for name, depth in imports(path)
        if depth == 0 and room(path) not in ("__init__", "cli")
    }
    order: list[str] = []
    left = {a for a, _ in edges} | {b for _, b in edges}
    while left:
        free = {r for r in left if not any(a == r and b in left and b != r for a, b in edges)}
        assert free, f"a cycle among {sorted(left)}"
        order += sorted(free)
        left -= free
    assert order[0] in EVERYBODY


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_private_name_of_another_library(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            private = [part for part in name.split(".") if re.match(r"_[^_]", part)]
            ours = name.startswith("counterpoise") or (isinstance(node, ast.ImportFrom) and node.module
                                                       and node.module.startswith("counterpoise"))  # fmt: skip
            assert not private or ours, f"{path.relative_to(SOURCE)} imports {name}"


def in_fresh_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_loads_no_optional_library():
    code = f"import sys, counterpoise; print([m for m in {OPTIONAL} if m in sys.modules])"
    assert in_fresh_python(code).strip() == "[]"


def test_main_rooms_load_no_optional_library():
    ours = [
        m for m in OPTIONAL if m not in ("pandas", "pyarrow", "dask")
    ]  # scikit-learn loads these where installed
    code = (
        "import sys, counterpoise.evaluate, counterpoise.learn, counterpoise.bundle, counterpoise.resample;"
        f"print([m for m in {ours} if m in sys.modules])"
    )
    assert in_fresh_python(code).strip() == "[]"


def public_packages() -> list[str]:
    names = [name for _, name, is_package in pkgutil.iter_modules([str(SOURCE)]) if is_package]
    return ["counterpoise", *(f"counterpoise.{name}" for name in names if name not in ("cli",))]


def place(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name: the order that ruff keeps."""
    is_constant, is_class = name.isupper() and len(name) > 1, name[0].isupper()
    return (0 if is_constant else 1 if is_class else 2, name)


@pytest.mark.parametrize("name", public_packages())
def test_all_is_sorted_and_every_name_is_there(name):
    package = importlib.import_module(name)
    assert list(package.__all__) in (sorted(package.__all__), sorted(package.__all__, key=place))
    for public in package.__all__:
        assert getattr(package, public) is not None
        assert public in dir(package)


@pytest.mark.parametrize("name", public_packages())
def test_all_is_what_is_visible(name):
    package = importlib.import_module(name)
    visible = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_")
        and not hasattr(value, "__path__")
        and type(value).__name__ not in ("module", "_Feature")
        and getattr(value, "__module__", name).startswith("counterpoise")
        and key not in ("annotations", "TYPE_CHECKING")
    }
    assert visible <= set(package.__all__) | {"__version__"}, visible - set(package.__all__)


def test_importing_changes_no_other_library():
    code = (
        "import sklearn.utils.metadata_routing as m, sklearn.utils._metadata_requests as r;"
        "before = list(r.SIMPLE_METHODS); import counterpoise.resample, counterpoise.learn;"
        "print(before == list(r.SIMPLE_METHODS))"
    )
    assert in_fresh_python(code).strip() == "True"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_every_module_says_what_it_is_for(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or (path.name == "__init__.py" and not tree.body), path
