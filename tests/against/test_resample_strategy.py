"""Sampling strategies mean what they mean in imbalanced-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imblearn.utils import check_sampling_strategy

from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.resample.strategy import resolve_strategy

KINDS = ("over-sampling", "under-sampling", "clean-sampling")
WORDS = ("auto", "minority", "majority", "not minority", "not majority", "all")


def ours(strategy: Any, y: np.ndarray, kind: Any) -> dict[Any, int]:
    labels, counts = np.unique(y, return_counts=True)
    return resolve_strategy(strategy, labels.tolist(), counts, kind, y)


@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=5, unique=True),
    word=st.sampled_from(WORDS),
    kind=st.sampled_from(KINDS),
)
def test_words_resolve_as_in_imbalanced_learn(counts: list[int], word: str, kind: str) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    try:
        expected = dict(check_sampling_strategy(word, y, kind))
    except ValueError:
        with pytest.raises(OptionError):
            ours(word, y, kind)
        return
    assert ours(word, y, kind) == expected


@given(n=st.integers(2, 300), m=st.integers(1, 300), percent=st.integers(1, 100), over=st.booleans())
def test_ratios_are_exact_whole_numbers(n: int, m: int, percent: int, over: bool) -> None:
    assume(n > m)
    y = np.repeat([0, 1], [n, m])
    kind = "over-sampling" if over else "under-sampling"
    size = n * percent // 100 if over else m * 100 // percent
    possible = size >= m if over else size <= n
    if not possible:
        with pytest.raises(OptionError):
            ours(percent / 100, y, kind)
        return
    assert ours(percent / 100, y, kind) == ({1: size - m} if over else {0: size})


def test_a_ratio_that_asks_for_what_is_there_adds_nothing() -> None:
    y = np.repeat([0, 1], [100, 29])
    assert ours(0.29, y, "over-sampling") == {1: 0}
    with pytest.raises(ValueError, match="required to remove samples"):
        check_sampling_strategy(0.29, y, "over-sampling")


@settings(max_examples=50)
@given(counts=st.lists(st.integers(5, 40), min_size=2, max_size=4), data=st.data())
def test_mappings_and_functions_resolve_as_in_imbalanced_learn(
    counts: list[int], data: st.DataObject
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    code = data.draw(st.integers(0, len(counts) - 1))
    asked = {code: data.draw(st.integers(0, 60))}
    for kind in KINDS[:2]:
        for strategy in (asked, lambda _: asked):
            try:
                expected = dict(check_sampling_strategy(strategy, y, kind))
            except ValueError:
                with pytest.raises(OptionError):
                    ours(strategy, y, kind)
                continue
            assert ours(strategy, y, kind) == expected


def test_a_list_names_the_classes_to_clean() -> None:
    y = np.repeat([0, 1, 2], [30, 20, 5])
    assert ours([0, 2], y, "clean-sampling") == dict(check_sampling_strategy([0, 2], y, "clean-sampling"))
    with pytest.raises(OptionError, match="mapping"):
        ours([0], y, "under-sampling")
    with pytest.raises(OptionError, match="present"):
        ours([7], y, "clean-sampling")


@pytest.mark.parametrize("strategy", [0.0, 1.5, -1.0, "minorty", {0: 1.5}, {0: -3}, {9: 3}])
def test_what_makes_no_sense_is_refused_in_four_parts(strategy: Any) -> None:
    y = np.repeat([0, 1], [30, 5])
    with pytest.raises(OptionError) as caught:
        ours(strategy, y, "over-sampling")
    assert all((caught.value.given, caught.value.expected, caught.value.why))


def test_a_ratio_needs_two_classes() -> None:
    with pytest.raises(OptionError, match="more than two"):
        ours(0.5, np.repeat([0, 1, 2], 5), "over-sampling")


@pytest.mark.parametrize("strategy", [None, True, object()])
def test_another_type_is_refused(strategy: Any) -> None:
    with pytest.raises(TypeOfInputError):
        ours(strategy, np.repeat([0, 1], 5), "over-sampling")


def test_a_near_word_is_suggested() -> None:
    with pytest.raises(OptionError, match="not minority"):
        ours("not minorty", np.repeat([0, 1], [9, 5]), "under-sampling")
