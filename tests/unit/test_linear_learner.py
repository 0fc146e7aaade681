"""LinearLearner: what it promises its user."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, recall_score

from counterpoise.errors import CounterpoiseWarning, InputError, NotApplicable, OptionError
from counterpoise.learn import LinearLearner


def table(n: int = 3000, seed: int = 0, **kwargs: object) -> tuple[np.ndarray, np.ndarray]:
    options = {"n_features": 6, "n_informative": 4, "n_redundant": 0, "weights": [0.95], "random_state": seed}
    return make_classification(n, **{**options, **kwargs})


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("mult", [1.0, "balanced", "auto"])
@pytest.mark.parametrize("validation", [3, 0.25])
def test_probabilities_have_the_base_rate(loss: str, mult: float | str, validation: float) -> None:
    X, y = table()
    model = LinearLearner(loss=loss, positive_example_weight_mult=mult, num_models=4, validation=validation)
    p = model.fit(X, y).predict_proba(X)
    assert p[:, 1].mean() == pytest.approx(y.mean(), rel=1e-3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


@pytest.mark.parametrize("validation", [5, 0.3])
def test_the_line_meets_its_target(validation: float) -> None:
    X, y = table(6000)
    model = LinearLearner(
        binary_classifier_model_selection_criteria="precision_at_target_recall",
        target_recall=0.8,
        validation=validation,
        num_models=8,
    ).fit(X[:3000], y[:3000])
    assert recall_score(y[3000:], model.predict(X[3000:])) == pytest.approx(0.8, abs=0.12)
    assert ((model.predict_proba(X)[:, 1] >= model.threshold_) == (model.predict(X) == 1)).all()


def test_the_family_has_a_row_a_member_and_one_is_chosen() -> None:
    X, y = table()
    model = LinearLearner(positive_example_weight_mult="auto").fit(X, y)
    family = model.family_
    assert family.height == 32
    assert family["chosen"].sum() == 1
    assert family["value"].arg_min() == family["chosen"].arg_max()
    assert set(np.round(family["positive_weight"].unique().to_numpy(), 6)) == {
        1.0,
        round((y == 0).sum() / (y == 1).sum(), 6),
    }
    assert model.family_coef_.shape == (32, 6)


@pytest.mark.parametrize("n", [1, 5, 32])
def test_there_are_as_many_members_as_asked(n: int) -> None:
    X, y = table(400)
    assert LinearLearner(num_models=n).fit(X, y).family_.height == n


def test_given_penalties_are_the_family() -> None:
    X, y = table(400)
    family = LinearLearner(l1=[0.0, 0.01], wd=[1e-3, 1e-2, 1e-1]).fit(X, y).family_
    assert sorted(zip(family["l1"], family["wd"], strict=True)) == [
        (l1, wd) for l1 in (0.0, 0.01) for wd in (1e-3, 1e-2, 1e-1)
    ]


def test_score_label_says_score_and_label() -> None:
    X, y = table(500)
    labels = np.array(["ok", "fraud"])[1 - y] if False else np.where(y == 1, "z", "a")
    model = LinearLearner(num_models=2).fit(X, labels)
    answer = model.score_label(X)
    assert answer.columns == ["score", "predicted_label"]
    np.testing.assert_allclose(answer["score"].to_numpy(), model.predict_proba(X)[:, 1])
    assert answer["predicted_label"].to_list() == model.predict(X).tolist()


def test_frames_with_gaps_and_categories() -> None:
    X, y = table(800)
    frame = pl.DataFrame(X[:, :3], schema=["a", "b", "c"]).with_columns(
        kind=pl.Series(np.where(X[:, 3] > 0, "up", "down")),
        a=pl.when(pl.Series(X[:, 4] > 1)).then(None).otherwise(pl.col("a")),
    )
    frame = pl.DataFrame(X[:, :3], schema=["a", "b", "c"])
    frame = frame.with_columns(
        pl.Series("kind", np.where(X[:, 3] > 0, "up", "down")),
        pl.Series("a", np.where(X[:, 4] > 1, np.nan, X[:, 0])).fill_nan(None),
    )
    model = LinearLearner(num_models=4).fit(frame, y)
    assert "kind=up" in model.design_names_
    assert "a is missing" in model.design_names_
    again = LinearLearner(num_models=4).fit(frame.to_pandas(), y)
    np.testing.assert_allclose(model.predict_proba(frame), again.predict_proba(frame.to_pandas()))
    other = frame.with_columns(kind=pl.lit("never seen"))
    assert np.isfinite(model.predict_proba(other)).all()
    assert list(model.feature_names_in_) == frame.columns


def test_several_classes_balanced_or_not_have_the_base_rates() -> None:
    X, y = table(3000, n_classes=3, weights=[0.9, 0.07])
    for balance in (False, True):
        model = LinearLearner(balance_multiclass_weights=balance, num_models=3).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X).mean(axis=0), np.bincount(y) / len(y), rtol=1e-3)
        assert model.score_label(X)["score"].dtype == pl.List(pl.Float64)
        assert model.threshold_ is None


def test_weights_are_repetitions() -> None:
    X, y = table(600)
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    members = {"wd": [1e-3, 1e-2], "l1": 0.0, "validation": 0.3}
    a = LinearLearner(**members).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    b = LinearLearner(**members).fit(X, y, sample_weight=weight)
    # the validation rows differ; the member trained on all rows is the same
    rows = [m.family_["wd"].to_list().index(1e-2) for m in (a, b)]
    assert rows == [1, 1]
    np.testing.assert_allclose(a._mean, b._mean)
    np.testing.assert_allclose(a._scale, b._scale)


def test_early_stopping_stops_early() -> None:
    X, y = table(2000)
    options = {"validation": 0.3, "loss": "logistic", "num_models": 8}
    long = LinearLearner(**options).fit(X, y).family_["n_passes"]
    short = LinearLearner(**options, early_stopping_patience=1).fit(X, y).family_["n_passes"]
    assert (short <= long).all()
    assert short.sum() < long.sum()


def test_the_start_does_not_change_the_minimum() -> None:
    X, y = table(2000)
    a, b = (LinearLearner(init_bias=bias, num_models=4).fit(X, y) for bias in (None, 3.0))
    np.testing.assert_allclose(a.family_coef_, b.family_coef_, atol=1e-3)


def test_few_calibration_rows_draw_another_line() -> None:
    X, y = table(4000)
    options = {"binary_classifier_model_selection_criteria": "f_beta", "num_models": 2}
    lines = [LinearLearner(**options, num_calibration_samples=n).fit(X, y).threshold_ for n in (None, 200)]
    assert lines[0] != lines[1]


def test_pieces_come_near_to_the_whole() -> None:
    X, y = table(12_000)
    whole = LinearLearner().fit(X[:9000], y[:9000])
    pieces = LinearLearner()
    for start in range(0, 9000, 1500):
        pieces.partial_fit(X[start : start + 1500], y[start : start + 1500], classes=[0, 1])
    scores = [average_precision_score(y[9000:], m.predict_proba(X[9000:])[:, 1]) for m in (whole, pieces)]
    assert scores[1] > scores[0] - 0.03
    ratio = pieces.predict_proba(X[:9000])[:, 1].mean() / y[:9000].mean()
    assert 0.9 < ratio < 1.1
    cosine = whole.coef_[0] @ pieces.coef_[0]
    assert cosine / np.linalg.norm(whole.coef_) / np.linalg.norm(pieces.coef_) > 0.98


def test_a_later_piece_may_lack_a_class() -> None:
    X, y = table(3000)
    model = LinearLearner(num_models=4).partial_fit(X[:1500], y[:1500])
    negatives = np.flatnonzero(y[1500:] == 0) + 1500
    before = model.predict_proba(X)[:, 1].mean()
    model.partial_fit(X[negatives], y[negatives])
    assert model.predict_proba(X)[:, 1].mean() < before


def test_saved_and_loaded_it_is_the_same() -> None:
    X, y = table(500)
    model = LinearLearner(num_models=4).fit(X, y)
    blob = skops.io.dumps(model)
    loaded = skops.io.loads(blob, trusted=skops.io.get_untrusted_types(data=blob))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.family_.equals(model.family_)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"predictor_type": "regressor"}, OptionError),
        ({"loss": "hing"}, OptionError),
        ({"binary_classifier_model_selection_criteria": "f1"}, OptionError),
        ({"target_recall": 0.0}, OptionError),
        ({"f_beta_score": -1.0}, OptionError),
        ({"positive_example_weight_mult": -2}, OptionError),
        ({"l1": -1.0}, OptionError),
        ({"wd": "much"}, OptionError),
        ({"num_models": 0}, OptionError),
        ({"validation": 1.5}, OptionError),
        ({"n_jobs": 0}, OptionError),
        ({"num_calibration_samples": 1}, OptionError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], error: type[Exception]) -> None:
    X, y = table(200)
    with pytest.raises(error):
        LinearLearner(**options).fit(X, y)


def test_what_has_no_answer_is_refused() -> None:
    X, y = table(300)
    three = y.copy()
    three[:20] = 2
    with pytest.raises(InputError, match="two classes"):
        LinearLearner(predictor_type="binary").fit(X, three)
    with pytest.raises(NotApplicable, match="hinge"):
        LinearLearner(loss="hinge").fit(X, three)
    with pytest.raises(NotApplicable, match="pieces"):
        LinearLearner().partial_fit(X, three)
    with pytest.raises(InputError, match="one class"):
        LinearLearner().fit(X, np.zeros(len(y)))
    lonely = np.zeros(len(y))
    lonely[5] = 1
    with pytest.raises(InputError, match="1 row"):
        LinearLearner(validation=0.2).fit(X, lonely)
    with pytest.warns(CounterpoiseWarning, match="1 row"):
        LinearLearner(num_models=2).fit(X, lonely)


def test_an_unreachable_precision_gives_the_best_there_is() -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(500, 3)), (draw.random(500) < 0.1).astype(int)
    model = LinearLearner(
        binary_classifier_model_selection_criteria="recall_at_target_precision",
        target_precision=1.0,
        num_models=2,
    ).fit(X, y)
    assert np.isfinite(model.threshold_)


def test_rows_in_another_order_give_the_same_members() -> None:
    X, y = table(900)
    order = np.random.default_rng(0).permutation(len(y))
    a, b = LinearLearner(num_models=4).fit(X, y), LinearLearner(num_models=4).fit(X[order], y[order])
    np.testing.assert_allclose(a.family_coef_, b.family_coef_, atol=1e-6)


def test_pandas_labels_and_clone() -> None:
    X, y = table(300)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = clone(LinearLearner(num_models=2, wd=1e-3)).fit(frame, pd.Series(y))
    assert model.predict(frame).shape == (300,)


def test_numbers_that_cannot_be_squared_are_refused() -> None:
    X, y = table()
    X[5, 1] = 1e308
    for fit in (LinearLearner().fit, LinearLearner().partial_fit):
        with pytest.raises(InputError, match=r"Column 1 holds 1e\+308 in row 5"):
            fit(X, y)
