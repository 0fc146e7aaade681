"""Members of a family beside scikit-learn, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

from counterpoise.learn import LinearLearner, linear_family
from counterpoise.learn.linear_family import Members, binary_rows, fit_binary, loss_and_slope, thin
from counterpoise.learn.linear_learner_criteria import Criterion, best_line, counts_at_lines


def table(n: int = 1500, d: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X, y = make_classification(
        n, d, n_informative=min(5, d), n_redundant=0, weights=[0.9], flip_y=0.05, random_state=seed
    )
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def reference(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, C: float, l1_ratio: float
) -> LogisticRegression:
    solver = "newton-cholesky" if l1_ratio == 0 else "saga"
    model = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver=solver, tol=1e-8, max_iter=20_000, random_state=0
    )
    return model.fit(X, y, sample_weight=weight)


def check_subgradient(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    w: np.ndarray,
    margin: np.ndarray,
    member: dict[str, float],
) -> None:
    residual = weight * (1 / (1 + np.exp(-margin)) - y) / weight.sum()
    l1, slope = member["l1"], X.T @ residual + member["wd"] * w
    np.testing.assert_allclose(slope[w != 0], -l1 * np.sign(w[w != 0]), atol=1e-5)
    assert (np.abs(slope[w == 0]) <= l1 + 1e-6).all()
    assert residual.sum() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("mult", [1.0, "balanced", 3.0])
@pytest.mark.parametrize("normalize", [True, False])
def test_each_member_is_scikit_learns_logistic_regression(mult: float | str, normalize: bool) -> None:
    X, y = table()
    raw = X * np.linspace(0.5, 3, X.shape[1]) + 2.0
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    model = LinearLearner(positive_example_weight_mult=mult, normalize_data=normalize, num_models=8).fit(
        raw, y, sample_weight=weight
    )
    mean = np.average(raw, weights=weight, axis=0)
    scale = (
        np.sqrt(np.average((raw - mean) ** 2, weights=weight, axis=0)) if normalize else np.ones(raw.shape[1])
    )
    for member in model.family_.iter_rows(named=True):
        sample = weight * np.where(y == 1, member["positive_weight"], 1.0)
        if member["l1"] > 0 and mult != 1.0:  # saga does not converge under uneven weights
            w = model.family_coef_[member["model"]] * scale
            margin = raw @ model.family_coef_[member["model"]] + model.family_intercept_[member["model"]]
            check_subgradient((raw - mean) / scale, y, sample, w, margin, member)
            continue
        peer = reference((raw - mean) / scale, y, sample, member["C"], member["l1_ratio"])
        ours = model.family_coef_[member["model"]] * scale
        np.testing.assert_allclose(ours, peer.coef_[0], atol=2e-4)
        np.testing.assert_allclose(
            model.family_intercept_[member["model"]] + model.family_coef_[member["model"]] @ mean,
            peer.intercept_[0],
            atol=2e-4,
        )


def test_sampled_curvature_reaches_the_same_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(6000, 6)
    weight, ones = np.ones(len(y)), np.ones(6)
    rows = binary_rows(X, y == 1, weight, loss="logistic", l2_scale=ones, l1_scale=ones)
    members = Members(np.array([0.0, 0.002, 0.0]), np.array([1e-3, 0.0, 1e-5]), np.array([1.0, 1.0, 9.0]))
    exact, _ = fit_binary(rows, members)
    monkeypatch.setattr(linear_family, "HESSIAN_ROWS", 1000)
    sampled, _ = fit_binary(rows, members)
    np.testing.assert_allclose(sampled, exact, atol=1e-4)


def test_threads_change_nothing() -> None:
    X, y = table(9000, 5)
    models = [LinearLearner(n_jobs=n, num_models=4, validation=0.2).fit(X, y) for n in (1, 2, 3)]
    for other in models[1:]:
        np.testing.assert_array_equal(models[0].family_coef_, other.family_coef_)


def test_wide_tables_agree_with_scikit_learn() -> None:
    X, y = make_classification(900, 200, n_informative=10, weights=[0.9], random_state=1)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearLearner(wd=[1e-2, 1e-3], l1=0.0, validation=2).fit(X, y)
    for member in model.family_.iter_rows(named=True):
        peer = reference(X, y, np.ones(len(y)), member["C"], 0.0)
        np.testing.assert_allclose(model.family_coef_[member["model"]], peer.coef_[0], atol=1e-4)


def test_several_classes_agree_with_scikit_learn() -> None:
    X, y = make_classification(
        1200, 6, n_informative=5, n_redundant=0, n_classes=3, weights=[0.8, 0.15], random_state=2
    )
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearLearner(wd=[1e-1, 1e-3], l1=0.0, validation=3).fit(X, y)
    for member in model.family_.iter_rows(named=True):
        peer = reference(X, y, np.ones(len(y)), member["C"], 0.0)
        ours = model.family_coef_[member["model"]]
        np.testing.assert_allclose(ours - ours.mean(axis=0), peer.coef_ - peer.coef_.mean(axis=0), atol=2e-4)


def test_l1_over_several_classes_agrees_with_scikit_learn() -> None:
    X, y = make_classification(600, 6, n_informative=4, n_redundant=0, n_classes=3, random_state=2)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearLearner(wd=1e-3, l1=0.01, validation=2).fit(X, y)
    member = model.family_.row(0, named=True)
    peer = reference(X, y, np.ones(len(y)), member["C"], member["l1_ratio"])
    np.testing.assert_allclose(model.family_coef_[0], peer.coef_, atol=1e-3)


@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_the_hinge_is_at_its_minimum(l1: float) -> None:
    X, y = table(700, 4)
    model = LinearLearner(loss="hinge", wd=1e-3, l1=l1, validation=2).fit(X, y)
    sign, ones = np.where(y == 1, 1.0, -1.0), np.column_stack([X, np.ones(len(X))])

    def objective(w: np.ndarray) -> float:
        value = loss_and_slope(-sign * (ones @ w), "hinge")[0].mean()
        return float(value + 5e-4 * (w[:-1] ** 2).sum() + l1 * np.abs(w[:-1]).sum())

    own = np.append(model.family_coef_[0], model.family_intercept_[0])
    found = minimize(objective, own, method="Powell", options={"xtol": 1e-8, "ftol": 1e-12})
    assert objective(own) <= found.fun + 1e-7


def test_the_sampled_hessian_is_unbiased() -> None:
    X, y = table(3000, 3)
    rows = binary_rows(X, y == 1, np.ones(len(y)), loss="logistic", l2_scale=np.ones(3), l1_scale=np.ones(3))
    members = Members(np.zeros(1), np.zeros(1), np.array([5.0]))
    W = np.array([[0.3], [-0.2], [0.5], [-1.0]])
    draw, whole = np.random.default_rng(0), linear_family.hessians(rows, members, W)[0] * rows.total(members)
    samples = [thin(rows, members, W, 300, draw) for _ in range(60)]
    mean = np.mean([linear_family.hessians(s, members, W)[0] * s.total(members) for s in samples], axis=0)
    np.testing.assert_allclose(mean, whole, atol=0.05 * np.abs(whole).max())


@pytest.mark.parametrize(
    "name", ["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]
)
def test_lines_are_the_best_of_all(name: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for _ in range(20):
        y = np.append(draw.random(60) < 0.3, [True, False])
        score = np.round(draw.normal(size=62) + y, 1)  # ties
        criterion = Criterion(name, target_recall=0.7, target_precision=0.5, beta=2.0)
        value, line = best_line(criterion, counts_at_lines(y, score, np.ones(62)))

        def at(cut: float, y: np.ndarray = y, score: np.ndarray = score) -> float:
            called = score >= cut
            tp, n = (called & y).sum(), called.sum()
            precision, recall = tp / max(n, 1), tp / y.sum()
            if name == "accuracy":
                return float((called == y).mean())
            if name == "f_beta":
                return float(5 * tp / (4 * y.sum() + n))
            if name == "precision_at_target_recall":
                return float(precision) if recall >= 0.7 - 1e-12 else -1.0
            return float(recall) if precision >= 0.5 and tp else -1.0

        best = max(at(cut) for cut in [*np.unique(score), np.inf])
        assert value == pytest.approx(best)
        assert value == pytest.approx(at(line)) or value == -1


def test_lines_agree_with_precision_recall_curve() -> None:
    X, y = table()
    model = LinearLearner(
        binary_classifier_model_selection_criteria="precision_at_target_recall", num_models=1
    ).fit(X, y)
    score = model.predict_proba(X)[:, 1]
    precision, recall, _ = precision_recall_curve(y, score)
    counts = counts_at_lines(y == 1, score, np.ones(len(y)))
    value, _ = best_line(Criterion("precision_at_target_recall"), counts)
    assert value == pytest.approx(precision[recall >= 0.8].max())
