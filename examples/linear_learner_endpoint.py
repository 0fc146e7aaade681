"""A linear learner from training to deletion: a hypothesis first, a model for it, an endpoint, its figures, its end.

    python examples/linear_learner_endpoint.py [--rows N] [--out FOLDER]

Payments are simulated; the endpoint is `counterpoise serve` on this machine, asked with Amazon's own client where
boto3 is installed and over plain HTTP where it is not. Needs the extra "serve".
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

import counterpoise as cp
from counterpoise.calibrate.reliability import exact_interval
from counterpoise.datasets import card_payments
from counterpoise.learn import LinearLearner
from counterpoise.serve import OverHttp

TARGET = 0.8
HYPOTHESIS = {"recall": (TARGET, 1.0), "precision": (0.05, 1.0)}
NAME = "fraud"


def learner() -> LinearLearner:
    """Tune for precision at the target recall; both classes have the same impact on the loss."""
    return LinearLearner(
        binary_classifier_model_selection_criteria="precision_at_target_recall",
        target_recall=TARGET,
        positive_example_weight_mult="balanced",
        num_models=16,
    )


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run the server for as long as it is needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = ["serve", "--port", str(port), "--store", f"sqlite:///{folder}/store.db"]
    with (folder / "serve.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-c", "from counterpoise.cli.main import run; run()", *words], stderr=log
        )
        try:
            wait_for(url, running)
            yield url
        finally:
            running.terminate()
            running.wait(40)


def wait_for(url: str, running: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and running.poll() is None:
        try:
            call("GET", f"{url}/health")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not start; see serve.log.")


def call(method: str, url: str, body: Any = None) -> Any:
    """Ask over HTTP."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def invoke(url: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Score rows at the endpoint, as a SageMaker customer does where boto3 is there."""
    body = rows.write_csv()
    try:
        import boto3
    except ImportError:
        address = f"{url}/endpoints/{NAME}/invocations"
        request = urllib.request.Request(address, body.encode(), {"Content-Type": "text/csv"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return list(json.loads(answer.read())["predictions"])
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "eu-west-1"}
    client = boto3.client("sagemaker-runtime", endpoint_url=url, **keys)
    answer = client.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=body)
    return list(json.loads(answer["Body"].read())["predictions"])


def evaluated(predictions: list[dict[str, Any]], truth: list[int]) -> dict[str, tuple[float, float, float]]:
    """Give recall and precision of the endpoint's answers, with exact intervals."""
    called = [bool(p["predicted_label"]) for p in predictions]
    caught = sum(c and t == 1 for c, t in zip(called, truth, strict=True))
    out = {}
    for name, of in (("recall", sum(truth)), ("precision", sum(called))):
        low, high = exact_interval(caught, of, 0.95)
        out[name] = (caught / max(of, 1), float(low), float(high))
    return out


def picture(found: dict[str, tuple[float, float, float]], path: Path) -> None:
    """Draw the figures with their intervals beside what was expected."""
    rows = pl.DataFrame([
        {"figure": name, "value": value, "low": low, "high": high, "expected": HYPOTHESIS[name][0]}
        for name, (value, low, high) in found.items()
    ])  # fmt: skip
    base = alt.Chart(rows).encode(y=alt.Y("figure:N", title=None))
    bars = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title=None, scale=alt.Scale(domain=[0, 1])), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x="value:Q")
    ticks = base.mark_tick(color="#d55e00", thickness=3).encode(x="expected:Q")
    (bars + dots + ticks).properties(width=420, height=80, title="the endpoint, and the hypothesis").save(
        path
    )


def main() -> None:
    """Train, deploy, evaluate, compare with the hypothesis, delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--out", type=Path, default=Path("out/examples/linear_learner_endpoint"))
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "store.db").unlink(missing_ok=True)

    print(
        f"1. The hypothesis, before anything is trained: recall of at least {TARGET:.0%} on payments to come, with a"
    )
    print(f"   precision of at least {HYPOTHESIS['precision'][0]:.0%}.")
    payments = card_payments(options.rows, days=60, random_state=0)
    later = pl.col("at") >= payments["at"].max() - pl.duration(days=14)
    past, coming = payments.filter(~later), payments.filter(later)
    table = cp.read(past, target="is_fraud", positive=1, id="tx_id", time="at", drop=["card", "terminal"])
    print(f"   {past.height:,} payments to learn from, {table.n_positive} of them fraud;")
    print(f"   {coming.height:,} to come, {coming['is_fraud'].sum()} of them fraud")

    print("\n2. Training")
    trial = cp.compare(
        table, goal=f"precision | recall>={TARGET}", treatments=["none"], learners={"linear_learner": learner()},
        folds=3, workers=0,
    )  # fmt: skip
    model = trial.champion
    bundle = model.save(out / "fraud.model")
    print(f"   line {model.operating_point.threshold:.4f}, drawn for '{model.operating_point.goal}'")

    print("\n3. Deployment")
    with server(out) as url:
        endpoints = OverHttp(url)  # as `counterpoise endpoint create fraud --model out/fraud.model`
        endpoints.create(NAME, bundle)
        print("   " + ", ".join(f"{e['name']}: {e['status']}" for e in endpoints.all()))

        print("\n4. The endpoint on payments that no model saw")
        predictions = invoke(url, coming.select(table.features))
        found = evaluated(predictions, coming["is_fraud"].to_list())
        for name, (value, low, high) in found.items():
            least = HYPOTHESIS[name][0]
            verdict = (
                "holds" if value >= least else "within the interval" if high >= least else "does not hold"
            )
            print(
                f"   {name:<9} {value:.3f} ({low:.3f} to {high:.3f}); expected {least:.2f} or more: {verdict}"
            )
        picture(found, out / "hypothesis.svg")

        print("\n5. Deletion")
        endpoints.delete(NAME)
        try:
            call("GET", f"{url}/endpoints/{NAME}")
        except urllib.error.HTTPError as gone:
            print(f"   the endpoint answers {gone.code}")

    print("\n6. The decision")
    missed = [name for name, (_, _, high) in found.items() if high < HYPOTHESIS[name][0]]
    print(
        f"   Do not deploy: {' and '.join(missed)} came out below the hypothesis beyond doubt."
        if missed
        else "   The hypothesis is not refuted: deploy, and let the monitor watch recall as labels come in."
    )


if __name__ == "__main__":
    main()
