"""MLPClassifier and balanced batches: what they promise their user."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, roc_auc_score

from counterpoise.errors import InputError, MissingExtra, OptionError
from counterpoise.learn.keras import MLPClassifier, balanced_batches
from counterpoise.learn.keras import mlp as mlp_module
from counterpoise.learn.keras.batches import balanced_plan, epoch_rows
from counterpoise.learn.keras.losses import LossSpec, class_balanced_weights, row_loss, to_probabilities
from counterpoise.learn.keras.scores import figures, ranking
from counterpoise.resample import SMOTE, RandomUnderSampler

os.environ.setdefault("KERAS_BACKEND", "jax")
jax = pytest.importorskip("jax", reason="the extra keras is not installed")
keras = pytest.importorskip("keras", reason="the extra keras is not installed")


def table(n: int = 2000, seed: int = 0, **kwargs: object) -> tuple[np.ndarray, np.ndarray]:
    options = {"n_features": 6, "n_informative": 4, "n_redundant": 0, "weights": [0.93], "random_state": seed}
    return make_classification(n, **{**options, **kwargs})


def small(**options: object) -> Any:
    defaults: dict[str, object] = {
        "hidden_layer_sizes": (16,),
        "max_epochs": 30,
        "batch_size": 128,
        "random_state": 0,
    }
    return MLPClassifier(**{**defaults, **options})


TREATMENTS = [
    {},
    {"class_weight": "balanced"},
    {"batches": "balanced"},
    {"batches": RandomUnderSampler(random_state=0)},
    {"batches": SMOTE(random_state=0)},
    {"loss": "focal"},
    {"loss": "class_balanced"},
    {"loss": "logit_adjusted"},
    {"loss": "logit_adjusted", "batches": "balanced"},
    {"monitor": "loss"},
    {"monitor": "roc_auc"},
]


@pytest.mark.parametrize("options", TREATMENTS, ids=str)
def test_every_treatment_learns_and_gives_probabilities_at_the_base_rate(options: dict[str, Any]) -> None:
    X, y = table(6000)
    model = small(**options).fit(X[:3000], y[:3000])
    p = model.predict_proba(X[3000:])[:, 1]
    assert average_precision_score(y[3000:], p) > 5 * y.mean()
    assert p.mean() == pytest.approx(y[:3000].mean(), rel=0.25)


def test_the_same_seed_gives_the_same_network_and_the_same_start_for_every_treatment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = table(1000)
    starts: list[list[np.ndarray]] = []
    original = mlp_module.initial_weights

    def spy(*args: Any, **kwargs: Any) -> list[np.ndarray]:
        starts.append(original(*args, **kwargs))
        return starts[-1]

    monkeypatch.setattr(mlp_module, "initial_weights", spy)
    a, b = (small(max_epochs=3).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    other = small(max_epochs=3, batches="balanced").fit(X, y)
    assert not np.array_equal(a.predict_proba(X), other.predict_proba(X))
    for one, another in zip(starts[0], starts[2], strict=True):
        if one.ndim == 2:
            np.testing.assert_array_equal(one, another)
    different = small(max_epochs=3, random_state=1).fit(X, y)
    assert not np.array_equal(a.predict_proba(X), different.predict_proba(X))


def test_the_output_starts_at_the_log_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(1000)
    biases = []
    original = mlp_module.initial_weights

    def spy(model: Any, stream: Any, bias: np.ndarray, **kwargs: Any) -> list[np.ndarray]:
        biases.append(bias)
        return original(model, stream, bias, **kwargs)

    monkeypatch.setattr(mlp_module, "initial_weights", spy)
    for options, expected in (({}, np.log((y == 1).sum() / (y == 0).sum())), ({"batches": "balanced"}, 0.0)):
        small(max_epochs=1, **options).fit(X, y)
        assert biases[-1][0] == pytest.approx(expected, abs=0.05)


def test_the_best_epoch_is_restored() -> None:
    X, y = table(1500)
    valid = slice(1000, 1500)
    model = small(max_epochs=40, patience=5, learning_rate=0.01).fit(
        X[:1000], y[:1000], validation_data=(X[valid], y[valid])
    )
    history = model.history_
    assert model.best_epoch_ == history["val_average_precision"].arg_max()
    assert history.height <= model.best_epoch_ + 6
    ours = average_precision_score(y[valid], model.predict_proba(X[valid])[:, 1])
    assert ours == pytest.approx(history["val_average_precision"].max(), abs=1e-6)
    assert set(history.columns) >= {"loss", "roc_auc", "average_precision", "precision", "recall", "val_loss"}


def test_validation_rows_change_nothing_but_when_to_stop() -> None:
    X, y = table(1500)
    far = X[1000:] * 100 + 7
    a = small(max_epochs=2).fit(X[:1000], y[:1000], validation_data=(X[1000:], y[1000:]))
    b = small(max_epochs=2).fit(X[:1000], y[:1000], validation_data=(far, y[1000:]))
    np.testing.assert_array_equal(a._layout["mean"], b._layout["mean"])
    np.testing.assert_allclose(a.history_["loss"], b.history_["loss"])


def test_preprocessing_is_part_of_the_model() -> None:
    X, y = table(1200)
    frame = pl.DataFrame(X[:, :4], schema=list("abcd")).with_columns(
        pl.Series("kind", np.where(X[:, 4] > 0, "up", "down")),
        pl.Series("a", np.where(X[:, 5] > 1, np.nan, X[:, 0])).fill_nan(None),
        pl.Series("at", 1.7e9 + X[:, 1] * 50),
    )
    model = small(max_epochs=10).fit(frame, y)
    p = model.predict_proba(frame)
    assert np.isfinite(p).all()
    block = model.encoder_.block(frame)
    logits = np.asarray(model.model_((block - model._layout["offset"]).astype(np.float32)))
    order = np.argsort(logits[:, 0], kind="stable")
    assert (np.diff(p[order, 1]) >= -1e-12).all()
    np.testing.assert_allclose(
        small(max_epochs=10).fit(frame.to_pandas(), y).predict_proba(frame.to_pandas()), p, atol=1e-6
    )
    wild = frame.with_columns(pl.lit(1e30).alias("b"), pl.lit("new").alias("kind"))
    assert np.isfinite(model.predict_proba(wild)).all()


def test_several_classes() -> None:
    X, y = table(2000, n_classes=3, weights=[0.85, 0.1])
    labels = np.array(["a", "b", "c"])[y]
    for options in ({"batches": "balanced"}, {"loss": "focal"}):
        model = small(**options).fit(X, labels)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
        np.testing.assert_allclose(p.mean(axis=0), np.bincount(y) / len(y), rtol=0.3)


def test_saved_and_loaded_it_is_the_same() -> None:
    X, y = table(600)
    model = small(max_epochs=3).fit(X, y)
    model.predict_proba(X)
    blob = skops.io.dumps(model)
    loaded = skops.io.loads(blob, trusted=skops.io.get_untrusted_types(data=blob))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.history_.equals(model.history_)


def network(n_inputs: int, n_outputs: int) -> Any:
    inputs = keras.Input((n_inputs,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="tanh")(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_outputs)(x))


def test_any_keras_model_may_be_built() -> None:
    X, y = table(1500)
    model, again = (small(build=network, learning_rate=0.01).fit(X, y) for _ in range(2))
    assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.8
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    with pytest.raises(InputError, match="outputs"):
        small(build=lambda n, _: network(n, 5)).fit(X, y)


def test_weights_are_rows() -> None:
    X, y = table(800)
    plain = small(max_epochs=2).fit(X, y, validation_data=(X, y))
    weighed = small(max_epochs=2).fit(X, y, np.where(X[:, 0] > 0, 9.0, 0.1), validation_data=(X, y))
    assert not np.array_equal(plain.predict_proba(X), weighed.predict_proba(X))


def test_a_bar_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = table(300)
    small(max_epochs=2, verbose=1).fit(X, y)
    assert "average_precision" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        {"monitor": "accuracy"},
        {"loss": "hinge"},
        {"batches": "random"},
        {"batches": 7},
        {"dropout": 1.5},
        {"patience": 0},
        {"batch_size": 0},
        {"beta": 1.0, "loss": "class_balanced"},
        {"gamma": -1.0, "loss": "focal"},
        {"validation_fraction": 0.0},
    ],
    ids=str,
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    X, y = table(200)
    with pytest.raises(OptionError):
        small(**options).fit(X, y)


def test_a_validation_part_without_positives_is_refused() -> None:
    X, y = table(400)
    negatives = y == 0
    with pytest.raises(InputError, match="without rows of"):
        small().fit(X, y, validation_data=(X[negatives], y[negatives]))
    with pytest.raises(InputError, match="one class"):
        small().fit(X, np.zeros(len(y)))


def test_without_keras_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoise.learn.keras import backend

    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    X, y = table(200)
    with pytest.raises(MissingExtra, match=r'pip install "counterpoise\[keras\]"'):
        small().fit(X, y)
    with pytest.raises(MissingExtra, match="keras"):
        balanced_batches(X, y)


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(200)
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(OptionError, match="torch"):
        small().fit(X, y)


def test_importing_the_room_imports_no_keras() -> None:
    import subprocess

    code = "import sys, counterpoise.learn.keras; sys.exit('keras' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- batches ------------------------------------------------------------------------------------------------------


def test_balanced_epochs_are_balanced_and_fresh() -> None:
    X, y = table(3000)
    batches = balanced_batches(X, y, batch_size=200, steps=4)
    seen = []
    for _ in range(2):
        rows = np.concatenate([batches[k][0] for k in range(len(batches))])
        labels = np.concatenate([batches[k][1] for k in range(len(batches))])
        assert labels.mean() == pytest.approx(0.5)
        assert all(0.4 < batches[k][1].mean() < 0.6 for k in range(len(batches)))
        seen.append({row.tobytes() for row in rows[labels == 0]})
        assert len(seen[-1]) == 400
        batches.on_epoch_end()
    assert len(seen[0] & seen[1]) < 150


def test_balanced_batches_train_any_keras_model() -> None:
    X, y = table(1000)
    model = network(6, 1)
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    history = model.fit(balanced_batches(X, y, sample_weight=np.ones(len(y))), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_balanced_plans_cover_rows_before_they_repeat_them() -> None:
    y = np.repeat([0, 1], [900, 30])
    plan = balanced_plan(y, 100)
    rows = np.concatenate(list(epoch_rows(plan, y, 100, 0, 0)))
    counts = np.bincount(rows, minlength=len(y))
    assert set(counts[:900]) == {1} or counts[:900].max() - counts[:900].min() <= 1
    assert counts[900:].max() - counts[900:].min() <= 1
    assert len(rows) % 100 == 0
    for wrong in ({"size": 0}, {"steps": 0}):
        with pytest.raises(OptionError):
            balanced_plan(y, **wrong)


# --- figures and losses ----------------------------------------------------------------------------------------------


def test_figures_are_scikit_learns(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for weights in (np.ones(500), draw.integers(1, 4, 500).astype(float)):
        y = draw.random(500) < 0.1
        score = np.round(draw.normal(size=500) + y, 1).astype(np.float32)
        precision, area = ranking(score, y, weights)
        assert precision == pytest.approx(average_precision_score(y, score, sample_weight=weights))
        assert area == pytest.approx(roc_auc_score(y, score, sample_weight=weights))
    found = figures(score[:, None], y.astype(int), weights)
    assert found["recall"] == pytest.approx(weights[y & (score > 0)].sum() / weights[y].sum())
    assert np.isnan(ranking(score, np.zeros(500, dtype=bool), np.ones(500))[0])


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "class_balanced", "logit_adjusted"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_best_outputs_of_each_loss_map_back_to_the_truth(name: str, n_classes: int) -> None:
    from scipy.optimize import minimize

    truth = np.array([0.9, 0.1]) if n_classes == 2 else np.array([0.7, 0.2, 0.1])
    rates, parts = np.array([0.2, 3.0, 1.0])[:n_classes], np.arange(1, n_classes + 1)
    spec = LossSpec(name, 2.0, 1.5, tuple((parts / parts.sum()).tolist()))
    loss, codes = row_loss(spec, np), np.arange(n_classes)
    seen = truth * rates / (truth @ rates)
    n_outputs = 1 if n_classes == 2 else n_classes

    def expected(logits: np.ndarray) -> float:
        return float(seen @ loss(np.tile(logits, (n_classes, 1)), codes))

    best = minimize(expected, np.zeros(n_outputs), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(to_probabilities(spec, rates, best[None, :])[0], truth, atol=1e-4)


def test_effective_numbers_of_rows() -> None:
    weights = class_balanced_weights(np.array([990.0, 10.0]), 0.99)
    assert weights[1] / weights[0] == pytest.approx((1 - 0.99**990) / (1 - 0.99**10))
    assert weights @ [990, 10] == pytest.approx(1000)
