"""How many rows of each class are asked for.

The words are imbalanced-learn's: ``"auto"``, ``"minority"``, ``"not minority"``, ``"not majority"``,
``"majority"``, ``"all"``, a ratio, a mapping, a list, or a function of the target. What is resolved here is
always a mapping from class to a number: rows to *add* for over-sampling, rows to *keep* for under-sampling, and
for cleaning the classes that may lose rows (with the size of the smallest class as the number).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np

from counterpoise.errors import InputError, OptionError, TypeOfInputError, nearest_names

__all__ = ["SamplingKind", "SamplingStrategy", "resolve_strategy"]

SamplingKind = Literal["over-sampling", "under-sampling", "clean-sampling"]
SamplingStrategy = str | float | Mapping[Any, int] | Sequence[Any] | Callable[[Any], Mapping[Any, int]]

_WORDS = ("auto", "minority", "not minority", "not majority", "all", "majority")

_ROUNDING = 1e-9
"""Slack, relative to the count, for products such as 100 x 0.29 that fall a hair below a whole number."""


def resolve_strategy(
    strategy: Any,
    labels: Sequence[Any],
    counts: np.ndarray,
    kind: SamplingKind,
    y: Any = None,
) -> dict[Any, int]:
    """Turn a sampling strategy into a number of rows for each class it concerns.

    Parameters
    ----------
    strategy : str, float, mapping, list or callable
        ``"auto"`` means ``"not majority"`` for over-sampling and ``"not minority"`` otherwise. A float is, for two
        classes, the size of the smaller over the larger class afterwards. A mapping gives each class's size
        afterwards. A list names the classes to clean. A callable takes y and returns a mapping.
    labels : sequence
        The classes.
    counts : ndarray of shape (n_classes,), int64
        Rows of each class.
    kind : {"over-sampling", "under-sampling", "clean-sampling"}
        What is being done.
    y : object, optional
        The target, passed to a callable.

    Returns
    -------
    dict
        Class to rows to add (over-sampling), to keep (under-sampling), or the minority's size (cleaning).

    Raises
    ------
    OptionError
        If the strategy is unknown, asks for what this kind of sampling cannot do, or names an absent class.
    TypeOfInputError
        If the strategy is of another type.
    """
    present = dict(zip(labels, (int(n) for n in counts), strict=True))
    if isinstance(strategy, str):
        return _by_word(strategy, present, kind)
    if isinstance(strategy, Mapping):
        return _by_mapping(strategy, present, kind)
    if isinstance(strategy, int | float | np.number) and not isinstance(strategy, bool):
        return _by_ratio(float(strategy), present, kind)
    if isinstance(strategy, list | tuple | set | np.ndarray):
        return _by_list(list(strategy), present, kind)
    if callable(strategy):
        return _by_mapping(strategy(y), present, kind)
    raise TypeOfInputError(
        f"sampling_strategy={strategy!r} was given.",
        expected="Expected a word, a ratio, a mapping, a list or a function of y.",
        why="It says how many rows of each class are wanted.",
        hint='Try sampling_strategy="auto".',
    )


def _by_word(word: str, present: dict[Any, int], kind: SamplingKind) -> dict[Any, int]:
    if word not in _WORDS:
        raise _refused(word, f"one of {', '.join(map(repr, _WORDS))}", nearest_names(word, list(_WORDS)))
    over = kind == "over-sampling"
    if word == ("majority" if over else "minority"):
        raise _refused(
            word, f"another word for {kind}", f"{word!r} would leave {kind} with nothing to do; try 'auto'."
        )
    smallest, largest = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
    chosen: dict[str, Callable[[Any], bool]] = {
        "auto": lambda c: c != (largest if over else smallest),
        "minority": lambda c: c == smallest,
        "majority": lambda c: c == largest,
        "not minority": lambda c: c != smallest,
        "not majority": lambda c: c != largest,
        "all": lambda _: True,
    }
    size = present[largest] if over else present[smallest]
    return {c: size - n if over else size for c, n in present.items() if chosen[word](c)}


def _by_mapping(wanted: Any, present: dict[Any, int], kind: SamplingKind) -> dict[Any, int]:
    if not isinstance(wanted, Mapping):
        raise _refused(wanted, "a function that returns a mapping from class to number of rows")
    if kind == "clean-sampling":
        raise _refused(
            wanted, "a list of the classes to clean", "A cleaning method decides the number itself."
        )
    _known_classes(wanted, present)
    out: dict[Any, int] = {}
    for label in sorted(wanted, key=list(present).index):
        n, before = wanted[label], present[label]
        if not isinstance(n, Integral) or int(n) < 0:
            raise _refused(wanted, f"a whole number, not negative, for class {label!r}")
        if kind == "over-sampling" and int(n) < before:
            raise _refused(
                wanted, f"at least the {before} rows that class {label!r} has", "Use an under-sampler."
            )
        if kind == "under-sampling" and int(n) > before:
            raise _refused(
                wanted, f"at most the {before} rows that class {label!r} has", "Use an over-sampler."
            )
        out[label] = int(n) - before if kind == "over-sampling" else int(n)
    return out


def _by_list(wanted: list[Any], present: dict[Any, int], kind: SamplingKind) -> dict[Any, int]:
    if kind != "clean-sampling":
        raise _refused(wanted, f"a mapping from class to number of rows for {kind}")
    _known_classes(wanted, present)
    return {label: min(present.values()) for label in present if label in set(wanted)}


def _by_ratio(ratio: float, present: dict[Any, int], kind: SamplingKind) -> dict[Any, int]:
    if kind == "clean-sampling":
        raise _refused(ratio, "a word or a list of classes", "A cleaning method decides the number itself.")
    if not 0 < ratio <= 1:
        raise _refused(ratio, "a ratio above 0 and at most 1")
    if len(present) != 2:
        raise _refused(ratio, "a mapping where there are more than two classes")
    smallest, largest = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
    if smallest == largest:
        smallest, largest = list(present)
    if kind == "over-sampling":
        size = _floor(present[largest] * ratio)
        if size < present[smallest]:
            raise _refused(ratio, "a larger ratio", f"Class {smallest!r} would have to lose rows.")
        return {smallest: size - present[smallest]}
    size = _floor(present[smallest] / ratio)
    if size > present[largest]:
        raise _refused(ratio, "a larger ratio", f"Class {largest!r} would have to gain rows.")
    return {largest: size}


def _floor(value: float) -> int:
    return int(np.floor(value * (1 + _ROUNDING)))


def _known_classes(wanted: Any, present: dict[Any, int]) -> None:
    absent = [label for label in wanted if label not in present]
    if absent:
        raise _refused(wanted, f"only classes that are present in the data; {absent} are not")


def _refused(given: Any, expected: str, hint: str = "") -> InputError:
    return OptionError(
        f"sampling_strategy={given!r} was given.",
        expected=f"Expected {expected}.",
        why="It says how many rows of each class are wanted.",
        hint=hint,
    )
