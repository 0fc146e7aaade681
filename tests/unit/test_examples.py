"""The worked examples run and end in a decision."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, out: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run an example in this process and give what it printed."""
    before = sys.argv
    sys.argv = [name, *arguments, "--out", str(out)]
    try:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    finally:
        sys.argv = before
    return capsys.readouterr().out


def test_imbalance_from_scratch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("imbalance_from_scratch", tmp_path, capsys, "--repeats", "1")
    by_hand, by_library = re.findall(r"by (?:hand|library): +(accuracy.*)", said)
    assert by_hand == by_library
    weighted, copied = re.findall(r"intercept and slopes (\[.*\])", said)
    assert weighted == copied
    assert "accuracy 0.990, precision -, recall 0.000" in said
    assert said.rstrip().splitlines()[-1].strip().startswith(("Treat nothing", "Treat"))
    assert len(list(tmp_path.glob("*.svg"))) == 6


def test_card_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run("card_defaults", tmp_path, capsys)
    met = re.findall(r"^(\S.*?)\s{2,}.* yes(?: |$)", said, re.MULTILINE)
    assert met[0] == "neighbour filter, then SMOTE"
    assert met[1].startswith("baseline, line at")
    assert "The decision: " in said
    assert (tmp_path / "boundaries.png").stat().st_size > 10_000


def test_card_fraud_network_on_a_few_payments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not (find_spec("keras") and find_spec("jax")):
        pytest.skip("Keras and JAX are not installed")
    said = run("card_fraud_network", tmp_path, capsys, "--rows", "6000", "--epochs", "2")
    assert "7. The decision" in said
    losses = [float(x) for x in re.findall(r"([\d.]+) with bias", said)]
    assert losses[0] < losses[1] / 3
    put_back = [float(x) for x in re.findall(r"put back ([\d.]+)", said)]
    assert all(0.4 < x < 2.0 for x in put_back)
    assert {path.name for path in tmp_path.iterdir()} == {
        "densities.png",
        "bias.svg",
        "epochs.svg",
        "roc.svg",
    }


def test_linear_learner_endpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastapi")
    said = run("linear_learner_endpoint", tmp_path, capsys, "--rows", "6000")
    assert "fraud: in service" in said
    assert re.search(r"recall +[01]\.\d+ \(.* to .*\)", said)
    assert "the endpoint answers 404" in said
    assert "6. The decision" in said
