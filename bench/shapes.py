"""The seeded tables that speed is measured on: shapes A, B and C of the project's performance page.

A is made here and has the size and the balance of the public credit-card set after its training split; B and C are
public tables that lie beside a checkout, and are None where they are absent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["SHARED", "mixed_table", "shape_a", "shape_b", "shape_c", "standardised"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shape_a(
    n: int = 182_276, n_positive: int = 320, d: int = 29, seed: int = 11
) -> tuple[np.ndarray, np.ndarray]:
    """Draw shape A: heavy tails (Student t, 4 degrees of freedom), 80 % of the positives shifted, clipped to +-5.

    Parameters
    ----------
    n, n_positive, d : int
        Rows, positives, columns.
    seed : int
        Of the draws.

    Returns
    -------
    X : ndarray of shape (n, d), float64
        Standardised features.
    y : ndarray of shape (n,), int64
        0 or 1.
    """
    draw = np.random.default_rng(seed)
    X = draw.standard_t(4, size=(n, d))
    X /= X.std(axis=0)
    y = np.zeros(n, dtype=np.int64)
    positives = draw.choice(n, n_positive, replace=False)
    y[positives] = 1
    shift = np.zeros(d)
    shift[: min(12, d)] = draw.normal(0, 3, min(12, d))
    shifted = positives[draw.random(n_positive) < 0.8]
    X[shifted] = X[shifted] * 2 + shift
    return np.ascontiguousarray(np.clip(X, -5, 5)), y


def standardised(name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Read one of the tables beside the checkout, standardised.

    Parameters
    ----------
    name : str
        File name without its ending.

    Returns
    -------
    tuple of ndarray, or None
        Features and labels; None where the file is absent.
    """
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        return None
    table = pl.read_parquet(path)
    X = table.drop("label").to_numpy().astype(np.float64)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return np.ascontiguousarray(X), table["label"].to_numpy().astype(np.int64)


def shape_b() -> tuple[np.ndarray, np.ndarray] | None:
    """Read shape B: forest cover, 286,048 x 10, 2,747 positives.

    Returns
    -------
    tuple of ndarray, or None
        Features and labels.
    """
    return standardised("adbench_cover")


def shape_c() -> tuple[np.ndarray, np.ndarray] | None:
    """Read shape C: mammography, 11,183 x 6, 260 positives, a third of the rows repeated.

    Returns
    -------
    tuple of ndarray, or None
        Features and labels.
    """
    return standardised("adbench_mammography")


def mixed_table(
    n: int = 40_000, n_positive: int = 2_000, n_levels: int = 400, seed: int = 3
) -> tuple[pl.DataFrame, np.ndarray]:
    """Draw a table of three numbers and three categories of many levels.

    Parameters
    ----------
    n, n_positive, n_levels : int
        Rows, positives, levels of each category.
    seed : int
        Of the draws.

    Returns
    -------
    X : polars.DataFrame of shape (n, 6)
        Features.
    y : ndarray of shape (n,), int64
        0 or 1.
    """
    draw = np.random.default_rng(seed)
    numbers = {f"x{j}": draw.standard_normal(n) for j in range(3)}
    levels = {f"c{j}": [f"v{v}" for v in draw.integers(0, n_levels, n)] for j in range(3)}
    y = np.zeros(n, dtype=np.int64)
    y[draw.choice(n, n_positive, replace=False)] = 1
    return pl.DataFrame({**numbers, **levels}), y
