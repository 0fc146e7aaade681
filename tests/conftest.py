"""Fixtures every kind of test may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed", type=int, default=0, help="seed of the tests' own draws; sweep it to find luck"
    )


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """One seed for a test's own draws: fixed by default, swept with --seed."""
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session")
def shared_table() -> Callable[[str], pl.DataFrame]:
    """Read one of the shared tables by name, or skip with the reason where it is absent."""

    def read(name: str) -> pl.DataFrame:
        path = SHARED / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"the shared table {name!r} is not beside this checkout")
        return pl.read_parquet(path)

    return read
