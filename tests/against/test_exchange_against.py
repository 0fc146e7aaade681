"""Models in other runtimes give what the bundle gives: ONNX Runtime and MLflow, on real tables."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.bundle import Model, Schema
from counterpoise.calibrate import IdentityMap, MapChain, PriorMap, fit_map
from counterpoise.cli.export import action
from counterpoise.cli.main import run
from counterpoise.decide import ThresholdCurve
from counterpoise.decide.rule import ClassRule
from counterpoise.errors import ModelError, NotApplicable, OptionError
from counterpoise.learn import BalancedBaggingClassifier, LogisticClassifier
from counterpoise.learn.blend import BlendClassifier
from counterpoise.learn.catalogue import make_learner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from counterpoise.bundle.onnx import export_onnx
from counterpoise.bundle.onnx.export import score_with

EXACT = (
    "logistic",
    "linear_learner",
    "boosting",
    "lightgbm",
    "forest",
    "balanced_bagging",
    "balanced_forest",
    "rusboost",
    "self_paced",
)
"""Computed in double throughout."""


def model_of(frame, learner, calibration="intercept", target="label"):
    table = cp.read(frame, target=target)
    fitted = make_learner(learner, 0) if isinstance(learner, str) else learner
    fitted.fit(table.X, table.y)
    proba = fitted.predict_proba(table.X)[:, 1]
    mapped = IdentityMap() if calibration is None else fit_map(calibration, table.y, proba)
    return Model(
        learner=fitted,
        labels=table.labels,
        schema=Schema.of(table),
        operating_point=ThresholdCurve.from_scores(table.y, mapped.apply(proba)).best("f1"),
        calibration=MapChain((mapped, PriorMap.of([1.0, 2.0]))),
        base_rate=float(table.y.mean()),
    )


def compared(model, frame, tmp_path):
    content = export_onnx(model, tmp_path / "model.onnx").read_bytes()
    proba, label = score_with(content, model, model.schema.conform(frame))
    own = model.predict_proba(frame)[:, 1]
    far = np.abs(own - model.threshold) > 1e-6
    assert label[far].astype(str).tolist() == model.predict(frame)[far].astype(str).tolist()
    return float(np.abs(own - proba).max())


@pytest.mark.data
@pytest.mark.parametrize("learner", EXACT)
@pytest.mark.parametrize("name", ["uci_hypothyroid", "uci_german_credit"])
def test_onnx_is_the_model_on_tables_with_gaps_and_categories(shared_table, name, learner, tmp_path):
    frame = shared_table(name)
    assert compared(model_of(frame, learner), frame, tmp_path) < 1e-11


@pytest.mark.data
@pytest.mark.parametrize("learner", ["easy_ensemble", "mlp"])
def test_onnx_is_the_model_up_to_rounding(shared_table, learner, tmp_path):
    frame = shared_table("uci_hypothyroid")
    assert compared(model_of(frame, learner, "platt"), frame, tmp_path) < 1e-6


@pytest.mark.data
@pytest.mark.parametrize("calibration", [None, "platt", "isotonic"])
def test_every_calibration_is_in_the_graph(shared_table, calibration, tmp_path):
    frame = shared_table("adbench_mammography")
    assert compared(model_of(frame, "logistic", calibration), frame, tmp_path) < 1e-11


def awkward(n=600, seed=0):
    """Values one step beside each other, huge and tiny ones, booleans with gaps, dates, many levels."""
    rng = np.random.default_rng(seed)
    near = rng.permutation(1.0 + np.arange(n) % 7 * np.finfo(float).eps)
    huge = rng.choice([-1e30, -1e12, 0.0, 1e-300, 1e12, 1e30], n)
    return pl.DataFrame(
        {
            "near": near,
            "huge": huge,
            "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "flag": [None if u < 0.2 else bool(u < 0.5) for u in rng.random(n)],
            "day": pl.Series(rng.integers(0, 10**9, n) * 1_000_000).cast(pl.Datetime("us")),
            "shop": [None if k == 0 else f"s{k}" for k in rng.integers(0, 300, n)],
            "label": ((near > 1.0 + 5e-16) & (rng.random(n) < 0.8) | (rng.random(n) < 0.05)).astype(int),
        }
    )


@pytest.mark.parametrize(
    "learner", ["logistic", "linear_learner", "boosting", "lightgbm", "forest", "easy_ensemble"]
)
def test_values_beside_an_edge_stay_on_their_side(learner, tmp_path):
    frame = awkward()
    assert compared(model_of(frame, learner), pl.concat([frame, awkward(seed=9)]), tmp_path) < 1e-7


def test_blends_ensembles_of_learners_and_text_labels(tmp_path):
    frame = awkward().with_columns(
        label=pl.when(pl.col("label") == 1).then(pl.lit("yes")).otherwise(pl.lit("no"))
    )
    blend = BlendClassifier(learners=("logistic", "boosting"), n_folds=2, random_state=0)
    bagging = BalancedBaggingClassifier(LogisticClassifier(), 3, random_state=0)
    for learner in (blend, bagging):
        assert compared(model_of(frame, learner), frame, tmp_path) < 1e-9


def test_the_line_and_the_prior_are_in_the_graph(tmp_path):
    import onnx

    frame = awkward()
    moved = model_of(frame, "logistic").with_threshold(0.4)
    assert compared(moved, frame, tmp_path) < 1e-11
    properties = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert float(properties["threshold"]) == 0.4
    assert properties["version"].endswith("line=0.4")


# --- several classes -----------------------------------------------------------------------------------------

RULES = {
    "largest": None,
    "weights": ClassRule("balanced_accuracy", (0.2, 1.0, 3.0)),
    "costs": ClassRule("cost", (1.0, 1.0, 1.0), ((0.0, 2.0, 5.0), (30.0, 0.0, 1.0), (90.0, 9.0, 0.0))),
}


def classes_of(n=900, seed=0):
    frame, rng = awkward(n, seed), np.random.default_rng(seed + 50)
    pull = (
        pl.Series(rng.normal(size=n)) + 2.0 * frame["label"] + frame["flag"].cast(pl.Float64).fill_null(0.5)
    )
    return frame.with_columns(
        label=pl.when(pull < 1.2)
        .then(pl.lit("none"))
        .when(pull < 2.4)
        .then(pl.lit("repair"))
        .otherwise(pl.lit("scrap"))
    )


def model_of_classes(frame, learner, calibration="intercept", rule=None):
    table = cp.read(frame, target="label", positive=None)
    fitted = make_learner(learner, 0) if isinstance(learner, str) else learner
    fitted.fit(table.X, table.y)
    proba = fitted.predict_proba(table.X)
    mapped = IdentityMap() if calibration is None else fit_map(calibration, table.y, proba)
    point = (rule or RULES["weights"]).as_point("balanced_accuracy", 0.5, 10, table.n_rows)
    return Model(
        learner=fitted,
        labels=table.labels,
        schema=Schema.of(table),
        operating_point=point,
        calibration=MapChain((mapped, PriorMap.of([1.0, 2.0, 0.5]))),
        rule=rule,
    )


def compared_classes(model, frame, tmp_path):
    content = export_onnx(model, tmp_path / "model.onnx").read_bytes()
    proba, label = score_with(content, model, model.schema.conform(frame))
    own = model.predict_proba(frame)
    assert proba.shape == own.shape == (frame.height, 3)
    differ = np.flatnonzero(label.astype(str) != model.predict(frame).astype(str))
    assert len(differ) <= 0.002 * frame.height  # only where rounding decides between two
    return float(np.abs(own - proba).max())


@pytest.mark.parametrize("learner", [*EXACT, "easy_ensemble", "mlp"])
def test_graphs_of_several_classes_are_the_model(learner, tmp_path):
    frame = classes_of()
    most = 1e-6 if learner in ("mlp", "easy_ensemble") else 1e-11
    found = model_of_classes(frame, learner, rule=RULES["costs"])
    assert compared_classes(found, pl.concat([frame, classes_of(seed=9)]), tmp_path) < most


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("calibration", [None, "intercept", "platt", "isotonic"])
def test_maps_and_rules_of_several_classes_are_in_the_graph(calibration, rule, tmp_path):
    frame = classes_of(2500)
    found = model_of_classes(frame, "logistic", calibration, RULES[rule])
    assert compared_classes(found, frame, tmp_path) < 1e-11


def test_blends_and_ensembles_of_learners_of_several_classes(tmp_path):
    frame = classes_of()
    blend = BlendClassifier(learners=("logistic", "boosting"), n_folds=2, random_state=0)
    bagging = BalancedBaggingClassifier(LogisticClassifier(), 3, random_state=0)
    for learner in (blend, bagging):
        assert compared_classes(model_of_classes(frame, learner), frame, tmp_path) < 1e-9


def test_what_cannot_be_written_is_refused_with_its_reason(tmp_path):
    from sklearn.linear_model import LogisticRegression

    frame = awkward().select("gaps", "label").fill_nan(0.0)
    with pytest.raises(NotApplicable, match="LogisticRegression cannot be written"):
        export_onnx(model_of(frame, LogisticRegression()), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_graph_that_differs_is_not_written(tmp_path, monkeypatch):
    from counterpoise.bundle.onnx import learners

    monkeypatch.setattr(learners, "LEAST_PROBABILITY", 0.3)
    blend = BlendClassifier(learners=("logistic",), n_folds=2, random_state=0)
    with pytest.raises(ModelError, match="differ from the model's"):
        export_onnx(model_of(awkward(), blend), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_and_refuses(tmp_path):
    bundle = model_of(awkward(), "logistic").save(tmp_path / "model")
    assert action(bundle, "onnx", tmp_path / "model.onnx").stat().st_size > 0
    assert cp.load(action(bundle, "zip", tmp_path / "model.zip")).threshold == cp.load(bundle).threshold
    with pytest.raises(ModelError, match="is a folder"):
        action(bundle, "onnx", tmp_path)
    with pytest.raises(OptionError, match="Did you mean 'onnx'"):
        action(bundle, "onx", tmp_path / "x")
    with pytest.raises(OptionError, match=r"\.zip"):
        action(bundle, "zip", tmp_path / "model")


@pytest.mark.parametrize("to", ["onnx", "mlflow", "zip"])
def test_what_cannot_be_written_leaves_nothing_behind(to, tmp_path, capsys):
    bundle = model_of(awkward(), "logistic").save(tmp_path / "model")
    (tmp_path / "mine.zip").mkdir()
    (tmp_path / "mine.zip" / "work.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    for out in (tmp_path / "mine.zip", tmp_path / "file" / "x.zip", Path("/proc/x.zip")):
        with pytest.raises(SystemExit) as ended:
            run(["export", str(bundle), "--to", to, "--out", str(out)])
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert len(said.splitlines()) == 4
        assert str(out) in said
        assert sorted(tmp_path.rglob("*")) == before


def test_a_graph_that_is_half_written_is_removed(tmp_path, monkeypatch):
    def full(self, mode):
        raise OSError(28, "No space left on device")

    bundle = model_of(awkward(), "logistic").save(tmp_path / "model")
    monkeypatch.setattr(Path, "chmod", full)
    with pytest.raises(OptionError, match=r"model\.onnx cannot be written: No space left on device"):
        action(bundle, "onnx", tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


# --- MLflow --------------------------------------------------------------------------------------------------


def typed(n=600, seed=0):
    """The same with types that MLflow's own would refuse or not tell apart."""
    frame, rng = awkward(n, seed), np.random.default_rng(seed + 90)
    gaps = rng.random(n) < 0.2
    counts, shops = rng.integers(0, 9, n), rng.choice(["a", "b", "c"], n)
    return frame.with_columns(
        count=pl.Series(counts) + 3 * frame["label"],
        seen=pl.Series([None if gap else int(k) for gap, k in zip(gaps, counts, strict=True)]),
        small=pl.Series(counts).cast(pl.Int8),
        single=pl.Series(rng.normal(size=n)).cast(pl.Float32),
        chain=pl.Series([None if gap else k for gap, k in zip(gaps, shops, strict=True)]).cast(
            pl.Categorical
        ),
        moment=pl.Series(rng.integers(0, 10**9, n) * 1_000_000).cast(pl.Datetime("us", "UTC")),
    )


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return pytest.importorskip("mlflow")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*Any type hint")
def test_mlflow_takes_an_example_that_is_no_training_row(mlflow, tmp_path):
    frame = typed()
    model = model_of(frame, "logistic")
    folder = action(
        model.save(tmp_path / "model"), "mlflow", tmp_path / "exported"
    )  # a warning is an error here
    loaded = mlflow.pyfunc.load_model(str(folder))
    example = pl.from_pandas(loaded.input_example)
    assert set(example.columns) == set(model.schema.names)
    assert loaded.predict(loaded.input_example)["probability"].between(0, 1).all()
    assert not set(model.schema.conform(example).rows()) & set(frame.select(model.schema.names).rows())


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_runs_the_bundle_without_pickle(mlflow, tmp_path):
    frame = awkward()
    model = model_of(frame, "logistic")
    folder = action(model.save(tmp_path / "model"), "mlflow", tmp_path / "exported")
    assert not [f for f in folder.rglob("*") if f.suffix in (".pkl", ".pickle", ".cloudpickle")]
    loaded = mlflow.pyfunc.load_model(str(folder))
    decided = loaded.predict(frame.drop("label").to_pandas())
    assert np.allclose(decided["probability"], model.decide(frame)["probability"])
    assert decided["label"].tolist() == model.decide(frame)["label"].to_list()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("precious")
    with pytest.raises(ModelError, match="not an MLflow model"):
        action(tmp_path / "model", "mlflow", tmp_path / "mine")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflows_server_reads_csv_by_the_exported_types(mlflow, tmp_path):
    from mlflow.pyfunc.scoring_server import parse_csv_input

    frame = typed().select("near", "gaps", "count", "seen", "shop", "label")
    model = model_of(frame, "logistic")
    folder = action(model.save(tmp_path / "model"), "mlflow", tmp_path / "exported")
    loaded = mlflow.pyfunc.load_model(str(folder))
    text = io.StringIO(frame.drop("label").write_csv())
    read = parse_csv_input(text, loaded.metadata.get_input_schema())
    assert np.allclose(loaded.predict(read)["probability"], model.predict_proba(frame)[:, 1])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_takes_numbers_that_double_holds(mlflow, tmp_path):
    """Its own check refuses wide integers; narrower ones, floats and columns without any value are taken."""
    frame = typed().drop("chain", "moment", "small", "single")
    model = model_of(frame, "logistic")
    loaded = mlflow.pyfunc.load_model(
        str(action(model.save(tmp_path / "model"), "mlflow", tmp_path / "exported"))
    )
    own = frame.drop("label").to_pandas()
    expected = model.predict_proba(frame)[:, 1]
    for kind in ("int32", "int8", "float64", "float32"):
        assert np.allclose(loaded.predict(own.astype({"count": kind}))["probability"], expected)
    gaps, narrow = own["seen"].isna(), own.astype({"count": "int32"})
    assert np.allclose(loaded.predict(narrow[gaps])["probability"], expected[gaps])
    with pytest.raises(mlflow.exceptions.MlflowException, match="int64 to float64"):
        loaded.predict(own)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_models_serve_answers(mlflow, tmp_path, free_port):
    frame = typed(20)
    model = model_of(frame, "logistic")
    folder = action(model.save(tmp_path / "model"), "mlflow", tmp_path / "exported")
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    command = [
        tools / "mlflow",
        "models",
        "serve",
        "-m",
        folder,
        "--env-manager",
        "local",
        "--port",
        str(free_port),
    ]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        rows = frame.drop("label").with_columns(pl.col("day", "moment").dt.strftime("%Y-%m-%dT%H:%M:%S"))
        empty = rows.with_columns(count=None, chain=None)
        bodies = [
            {"dataframe_split": {"columns": rows.columns, "data": [list(row) for row in rows.rows()]}},
            {"inputs": rows.to_dicts()},
            {"inputs": empty.to_dict(as_series=False)},
        ]
        address = f"http://127.0.0.1:{free_port}/invocations"
        texts = [json.dumps(body).replace("NaN", "null") for body in bodies]
        answers = [_asked(address, text, server, tmp_path / "log")["predictions"] for text in texts]
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
    assert {"probability", "label"} <= set(answers[0][0])
    for answer, asked in zip(answers, (frame, frame, empty), strict=True):
        expected = model.predict_proba(asked)[:, 1]
        assert np.allclose([each["probability"] for each in answer], expected)


def _asked(url, text, server, log, seconds=60):
    """Ask until the server is up."""
    start = time.monotonic()
    while True:
        try:
            asked = urllib.request.Request(url, text.encode(), {"Content-Type": "application/json"})
            return json.load(urllib.request.urlopen(asked))
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() - start < seconds, log.read_text()
            time.sleep(0.3)


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
