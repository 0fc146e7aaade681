"""Keys of rows that depend on nothing but their content.

The key of a row is the same on every machine, in any chunk and in any order, so it can tell whether a row was
seen before, split rows, or thin a table. The mixer is SplitMix64 (Steele, Lea, Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014); strings enter through BLAKE2b (RFC 7693).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl

__all__ = ["fingerprint", "row_keys"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MISSING_WORD = np.uint64(0x6D697373696E6721)


def row_keys(frame: pl.DataFrame, columns: Sequence[str] | None = None, *, key: int = 0) -> np.ndarray:
    """Hash each row to 64 bits.

    Parameters
    ----------
    frame : polars.DataFrame of n rows
        The table.
    columns : sequence of str, optional
        The columns that make the key, in that order; all by default.
    key : int, default=0
        Another key gives other, independent hashes.

    Returns
    -------
    ndarray of shape (n,), uint64
        Equal rows have equal keys. Numbers hash by value: 1 and 1.0 agree, -0.0 and 0.0 agree, NaN is missing.
    """
    keys = np.full(frame.height, np.uint64(key & (2**64 - 1)), dtype=np.uint64)
    for name in columns if columns is not None else frame.columns:
        keys ^= _words(frame[name])
        _mix(keys)
    return keys


def fingerprint(frame: pl.DataFrame) -> str:
    """Summarise a table's names and content in 32 hexadecimal digits.

    Parameters
    ----------
    frame : polars.DataFrame
        The table; the order of its rows and columns counts.

    Returns
    -------
    str
        Of length 32.
    """
    digest = hashlib.blake2b("\x1f".join(frame.columns).encode(), digest_size=16)
    digest.update(row_keys(frame).tobytes())
    return digest.hexdigest()


def _mix(words: np.ndarray) -> None:
    """Apply one SplitMix64 step in place."""
    shifted = np.empty_like(words)
    words += _GOLDEN
    words ^= np.right_shift(words, np.uint64(30), out=shifted)
    words *= _MIX_1
    words ^= np.right_shift(words, np.uint64(27), out=shifted)
    words *= _MIX_2
    words ^= np.right_shift(words, np.uint64(31), out=shifted)


def _words(series: pl.Series) -> np.ndarray:
    dtype = series.dtype
    if dtype.is_integer() and not series.null_count():  # never NaN, never -0.0
        return series.cast(pl.Float64).to_numpy().view(np.uint64)
    if dtype.is_numeric() or dtype == pl.Boolean:
        numbers = series.cast(pl.Float64).fill_null(float("nan")).to_numpy() + 0.0
        words = numbers.view(np.uint64).copy()
        words[np.isnan(numbers)] = _MISSING_WORD
        return words
    if dtype.is_temporal():
        return _words(series.cast(pl.Datetime("us") if dtype == pl.Date else dtype).to_physical())
    texts = _texts(series)
    levels = texts.drop_nulls().unique()
    hashed = np.fromiter((_text_word(text) for text in levels), dtype=np.uint64, count=len(levels))
    if not len(levels):
        return np.full(len(series), _MISSING_WORD, dtype=np.uint64)
    return np.asarray(
        texts.replace_strict(levels, pl.Series(hashed), default=None, return_dtype=pl.UInt64)
        .fill_null(int(_MISSING_WORD))
        .to_numpy()
    )


def _texts(series: pl.Series) -> pl.Series:
    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary):
        return pl.Series(
            [None if value is None else str(value) for value in series.to_list()], dtype=pl.String
        )
    return series.cast(pl.String)


def _text_word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
