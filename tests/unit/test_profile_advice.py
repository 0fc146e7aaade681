"""Each finding fires where it should and keeps still where it should not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterpoise.profile import Profile
from counterpoise.profile.advice import CHECKS, advise
from counterpoise.profile.records import Duplicates, Feature, Groups, Minority, Missing, Period, Rate, Times


def _profile(**changes: object) -> Profile:
    n_rows, n_positive = changes.pop("n_rows", 20_000), changes.pop("n_positive", 1_000)
    assert isinstance(n_rows, int)
    assert isinstance(n_positive, int)
    values: dict[str, object] = {
        "source": "s",
        "target": "y",
        "positive": "1",
        "n_rows": n_rows,
        "n_positive": n_positive,
        "rate": Rate(value=n_positive / n_rows, lower=0.0, upper=1.0),
        "classes": {"0": n_rows - n_positive, "1": n_positive},
        "n_features": 3,
        "kinds": {"a": "number"},
        "duplicates": Duplicates(n_repeats=0, n_conflicting=0, n_positive_repeats=0),
    }
    return Profile.model_validate(values | changes)


def _feature(separation: float, lower: float) -> Feature:
    return Feature(name="a", kind="number", separation=separation, lower=lower, average_precision=0.5)


def _minority(safe: int, borderline: int, rare: int, outlier: int) -> Minority:
    n = safe + borderline + rare + outlier
    return Minority(safe=safe, borderline=borderline, rare=rare, outlier=outlier, n_judged=n, n_neighbours=5)


def _times(p_value: float | None) -> Times:
    periods = (Period(start="a", n_rows=1, n_positive=0), Period(start="b", n_rows=1, n_positive=1))
    return Times(column="t", first="a", last="b", every="1 day", periods=periods, drift_p_value=p_value)


def _missing(share: float, positive: float, negative: float, p_value: float) -> Missing:
    return Missing(
        column="a", n=5, share=share, share_positive=positive, share_negative=negative, p_value=p_value
    )


def _repeats(n: int, conflicting: int = 0) -> Duplicates:
    return Duplicates(n_repeats=n, n_conflicting=conflicting, n_positive_repeats=0)


def _groups(n: int) -> Groups:
    return Groups(column="g", n_groups=n, n_with_positive=1, largest=3, median=2.0, n_mixed=0)


CASES: dict[str, tuple[Callable[[], Profile], Callable[[], Profile]]] = {
    "few-positives": (lambda: _profile(n_positive=99), lambda: _profile(n_positive=100)),
    "leak-suspected": (
        lambda: _profile(features=(_feature(1.0, 0.86),)),
        lambda: _profile(features=(_feature(1.0, 0.79), _feature(0.98, 0.95))),
    ),
    "conflicting-labels": (
        lambda: _profile(duplicates=_repeats(1, 2)),
        lambda: _profile(duplicates=_repeats(1)),
    ),
    "duplicates": (lambda: _profile(duplicates=_repeats(200)), lambda: _profile(duplicates=_repeats(199))),
    "drift-of-rate": (lambda: _profile(times=_times(1e-6)), lambda: _profile(times=_times(0.2))),
    "telling-gaps": (
        lambda: _profile(missing=(_missing(0.2, 0.9, 0.1, 1e-9),)),
        lambda: _profile(missing=(_missing(0.2, 0.25, 0.2, 1e-9), _missing(0.2, 0.9, 0.1, 0.1))),
    ),
    "line-before-treatment": (_profile, lambda: _profile(n_positive=8_000)),
    "textbook-treatment": (_profile, _profile),
    "hard-minority": (
        lambda: _profile(minority=_minority(2, 3, 2, 3)),
        lambda: _profile(minority=_minority(3, 3, 2, 2)),
    ),
    "safe-minority": (
        lambda: _profile(minority=_minority(6, 4, 0, 0)),
        lambda: _profile(minority=_minority(5, 5, 0, 0)),
    ),
    "thin-negatives": (
        lambda: _profile(n_rows=300_000, n_positive=2_000),
        lambda: _profile(n_rows=100_000, n_positive=2_000),
    ),
    "grouped-rows": (lambda: _profile(groups=_groups(50)), lambda: _profile(groups=_groups(20_000))),
    "many-levels": (
        lambda: _profile(n_levels={"c": 500}),
        lambda: _profile(n_levels={"c": 40}),
    ),
    "accuracy-misleads": (_profile, lambda: _profile(n_positive=3_000)),
    "mild-imbalance": (lambda: _profile(n_positive=6_000), lambda: _profile(n_positive=5_999)),
    "much-missing": (
        lambda: _profile(missing=(_missing(0.6, 0.6, 0.6, 1.0),)),
        lambda: _profile(missing=(_missing(0.4, 0.4, 0.4, 1.0),)),
    ),
    "left-out": (lambda: _profile(left_out={"z": "constant"}), _profile),
}


def _codes(profile: Profile) -> set[str]:
    return {finding.code for finding in advise(profile)}


@pytest.mark.parametrize("code", CASES)
def test_it_fires(code: str) -> None:
    assert code in _codes(CASES[code][0]())


@pytest.mark.parametrize("code", [code for code in CASES if code != "textbook-treatment"])
def test_it_keeps_still(code: str) -> None:
    assert code not in _codes(CASES[code][1]())


def test_every_check_has_its_pair() -> None:
    assert len(CASES) == len(CHECKS)


@pytest.mark.parametrize(
    ("n_rows", "n_positive", "words"),
    [
        (500, 200, ("class weights first", "oversample and throw nothing away")),
        (5_000, 500, ("SMOTE and class weights", "SMOTE with a tuned line")),
        (50_000, 500, ("combine", "undersampling is fine")),
    ],
)
def test_the_customary_advice_follows_rate_and_size(
    n_rows: int, n_positive: int, words: tuple[str, str]
) -> None:
    (found,) = [
        f for f in advise(_profile(n_rows=n_rows, n_positive=n_positive)) if f.code == "textbook-treatment"
    ]
    assert all(w in found.sentence for w in words)
    assert "untreated" in found.sentence


def test_hardly_any_positives_is_fatal_and_comes_first() -> None:
    first = advise(_profile(n_positive=6))[0]
    assert (first.code, first.severity) == ("few-positives", "fatal")
