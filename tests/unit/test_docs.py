"""Every block of Python on the documentation's pages and in the README runs; every page has its place."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import counterpoise as cp
from counterpoise.cli.main import app
from counterpoise.datasets import card_payments, simulate

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)
SMALL = {"treatments": ["none", "smote"], "learners": ["logistic"], "folds": 2, "repeats": 1, "workers": 0}
"""A comparison that says the same in a second; a page's own options win."""


def blocks(path: Path) -> list[str]:
    """Give the blocks of Python of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


WITH_CODE = [path for path in [ROOT / "README.md", DOCS / "scale.md", *PAGES] if blocks(path)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A folder with the files that pages name, and comparisons that are small unless a page says otherwise."""
    monkeypatch.chdir(tmp_path)
    payments = card_payments(4_000, days=30, random_state=0).rename({"amount": "eur"}).drop("terminal")
    payments.write_parquet("payments.parquet")
    simulate("cards", "payments", rows=6_000, days=60, wide=True, rows_at_once=2_500)
    whole = cp.compare
    monkeypatch.setattr(cp, "compare", lambda table, **given: whole(table, **(SMALL | given)), raising=False)
    return {"new_payments": payments.drop("is_fraud").head(20), "pl": pl}


@pytest.mark.parametrize("path", WITH_CODE, ids=lambda p: str(p.relative_to(ROOT)))
@pytest.mark.filterwarnings("default")
def test_the_python_of_a_page_runs(path: Path, here: dict[str, Any]) -> None:
    if "keras" in path.name:
        pytest.importorskip("jax", exc_type=ImportError)
    for number, block in enumerate(blocks(path), 1):
        exec(compile(block, f"{path.name}, block {number}", "exec"), here)


def test_the_commands_for_tables_that_outgrow_memory_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "scale.md").read_text(encoding="utf-8")
    small = {"--rows 50000000 --days 730": "--rows 6000 --days 60", "--rows 1250000": "--rows 1500"}
    quick = "--treatments none --learners logistic --folds 2 --repeats 1 --workers 0"
    for line in re.findall(r"^counterpoise .*$", text.replace("\\\n", " "), re.MULTILINE):
        for given, less in small.items():
            line = line.replace(given, less)
        words = shlex.split(f"{line} {quick if ' compare ' in line else ''}", comments=True)[1:]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output, done.exception)
    assert {path.name for path in tmp_path.iterdir()} == {"payments", "trial", "scores.parquet", "plan.npz"}


def test_every_page_is_in_a_table_of_contents() -> None:
    named = set()
    for path in PAGES:
        for entries in re.findall(
            r"\.\. toctree::\n((?:   .*\n|\n)+)", path.read_text(encoding="utf-8") + "\n"
        ):
            lines = [line.strip() for line in entries.splitlines() if line.strip() and ":" not in line]
            named |= {(path.parent / line).resolve() for line in lines}
    pages = {path.with_suffix("").resolve() for path in PAGES} - {(DOCS / "index").resolve()}
    assert named == pages


def test_every_public_room_has_a_page_of_the_reference() -> None:
    source = Path(cp.__file__).parent
    rooms = {path.parent.name for path in source.glob("*/__init__.py")} - {"cli", "report"}
    assert rooms <= {path.stem for path in (DOCS / "reference").glob("*.rst")}


def test_every_picture_and_file_that_a_page_shows_is_there() -> None:
    for path in PAGES:
        for target in re.findall(r"\.\. (?:image|literalinclude):: (\S+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} shows {target}"
