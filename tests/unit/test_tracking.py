"""A trial in MLflow, in a local store."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.errors import MissingExtra, OptionError
from counterpoise.evaluate import tracking

pytest.importorskip("mlflow")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own libraries
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    return pl.DataFrame({"a": rng.normal(size=n) + 1.5 * y, "b": rng.normal(size=n), "y": y})


CHOSEN = {
    "treatments": ["none", "smote"],
    "learners": ["logistic"],
    "workers": 0,
    "repeats": 1,
    "nested": False,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with one trial: its address, the trial, and the id of its run."""
    folder = tmp_path_factory.mktemp("mlflow")
    trial = cp.compare(cp.read(rows(), target="y"), **CHOSEN)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.chdir(folder)
        client, _ = tracking.open_experiment(uri, "there")
        return uri, trial, trial.log_mlflow(uri, "there"), client, folder


def children(client, parent):
    found = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    return {run.info.run_name: run for run in found}


def test_a_run_for_the_trial_and_one_for_each_candidate(store):
    _, trial, run, client, _ = store
    parent = client.get_run(run)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["counterpoise.verdict"] == trial.verdict.sentence
    assert parent.data.params["target"] == "y"
    assert set(children(client, parent)) == {"logistic", "logistic + smote"}


def test_figures_with_their_ends(store):
    _, trial, run, client, _ = store
    found = children(client, client.get_run(run))["logistic + smote"]
    record = next(each for each in trial.record.candidates if each.treatment == "smote")
    for name in ("goal", "average_precision", "mean_ratio"):
        assert found.data.metrics[name] == record.metrics[name].value
        assert found.data.metrics[f"{name}_lower"] == record.metrics[name].lower
    assert found.data.metrics["difference_upper"] == record.difference.upper
    assert found.data.metrics["peak_bytes"] == record.peak_bytes
    assert found.data.params["treatment"] == "smote"


def test_the_report_and_the_figures_are_there(store):
    _, _, run, client, folder = store
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names = {each.path for each in client.list_artifacts(run)}
        figures = {each.path for each in client.list_artifacts(run, "figures")}
    assert {"report.html", "trial.json", "leaderboard.csv", "figures"} <= names
    assert any(name.endswith("precision_recall.svg") for name in figures)


def test_the_model_decides_the_same(store):
    import mlflow

    uri, trial, run, client, folder = store
    champion = client.get_run(run).data.tags["counterpoise.champion_run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(uri)
        try:
            model = mlflow.pyfunc.load_model(f"runs:/{champion}/model")
            decided = model.predict(rows(50, 3).drop("y").to_pandas())
        finally:
            mlflow.set_tracking_uri(None)
    assert decided["label"].tolist() == trial.champion.predict(rows(50, 3)).tolist()


def test_candidates_that_were_not_run_say_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trial = cp.compare(cp.read(rows(), target="y"), **{**CHOSEN, "treatments": ["none", "cost_weight"]})
    client, _ = tracking.open_experiment("sqlite:///mlflow.db")
    parent = client.get_run(trial.log_mlflow("sqlite:///mlflow.db"))
    failed = children(client, parent)["logistic + cost_weight"]
    assert failed.info.status == "KILLED"
    assert "cost" in failed.data.tags["counterpoise.reason"]


def test_several_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = rows().with_columns(y=pl.Series(np.array(["a/b", "c", "d d"])[np.arange(400) % 3]))
    trial = cp.compare(cp.read(frame, target="y"), **{**CHOSEN, "treatments": ["none"]})
    client, _ = tracking.open_experiment("sqlite:///mlflow.db")
    found = client.get_run(trial.log_mlflow("sqlite:///mlflow.db"))
    assert "class/a_b/f1" in found.data.metrics
    assert "macro_f1_lower" in found.data.metrics


def test_a_store_that_cannot_be_used(tmp_path):
    with pytest.raises(OptionError, match="cannot be used"):
        tracking.open_experiment("nothing://here")
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="cannot be used"):
        tracking.open_experiment(f"sqlite:///{tmp_path}/file/mlflow.db")


def test_without_mlflow(monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "counterpoise\[mlflow\]"'):
        tracking.open_experiment("sqlite:///mlflow.db")
