"""The charts of a trial and the numbers behind them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from counterpoise.errors import NotApplicable, OptionError
from counterpoise.evaluate.records import TrialRecord
from counterpoise.report import CHARTS, Plots
from report_cases import HOSTILE, made_up_trial


@pytest.fixture(scope="module")
def trial() -> TrialRecord:
    found = made_up_trial(3)
    first = found.candidates[0].model_copy(update={"fold_values": [0.5, 0.6, None]})
    return found.model_copy(update={"candidates": [first, *found.candidates[1:]]})


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_numbers_and_is_valid(trial: TrialRecord, name: str) -> None:
    plots = Plots(trial)
    assert plots.frame(name).height > 0
    assert json.dumps(getattr(plots, name)().to_dict())


def test_numbers_of_the_curves_are_those_of_the_record(trial: TrialRecord) -> None:
    frame = Plots(trial).frame("cost", fn=10.0, fp=2.0)
    for c in trial.candidates[:3]:
        part = frame.filter(frame["candidate"] == c.candidate)
        assert c.curve is not None
        assert part["tp"].to_list() == c.curve.tp
        cost = 10 * (c.curve.n_positive - np.array(c.curve.tp)) + 2 * np.array(c.curve.fp)
        assert part["cost"].to_numpy() == pytest.approx(
            1000 * cost / (c.curve.n_positive + c.curve.n_negative)
        )
        assert part["lift"][-1] == pytest.approx(1.0)


def test_the_roc_curve_has_the_area_it_should() -> None:
    """The made-up candidates keep few points of their curve, so the areas agree closely and not exactly."""
    rng = np.random.default_rng(0)
    y = np.zeros(6_000, dtype=int)
    y[:120] = 1
    z = rng.normal(size=6_000) + 2.6 * y
    frame = Plots(made_up_trial(1)).frame("roc")
    area = np.trapezoid(frame["recall"].to_numpy(), frame["fpr"].to_numpy())
    assert area == pytest.approx(roc_auc_score(y, z), abs=0.01)


@pytest.mark.parametrize("kind", ["png", "svg", "json"])
def test_figures_are_written_in_every_format(tmp_path: Path, trial: TrialRecord, kind: str) -> None:
    poor = {"curve": None, "history": None, "confusion": None, "fold_values": []}
    few = trial.model_copy(
        update={
            "boundaries": [],
            "planes": [],
            "features": [],
            "candidates": [c.model_copy(update=poor) for c in trial.candidates],
        }
    )
    written = Plots(few).save(tmp_path / "figures", kind)  # type: ignore[arg-type]
    assert {path.stem for path in written} == {"forest", "reliability", "scores"}
    assert all(path.stat().st_size > 500 for path in written)


def test_wrong_names_get_one_clear_message(tmp_path: Path, trial: TrialRecord) -> None:
    plots = Plots(trial)
    with pytest.raises(OptionError, match="Did you mean 'roc'"):
        plots.frame("rocs")
    with pytest.raises(OptionError, match="class_weight"):
        plots.scores("class_wait + boosting")
    with pytest.raises(OptionError, match="png, svg or json"):
        plots.save(tmp_path, "gif")  # type: ignore[arg-type]


def test_a_trial_in_which_nothing_ran_has_no_charts(trial: TrialRecord) -> None:
    nothing = trial.model_copy(update={"candidates": []})
    with pytest.raises(NotApplicable, match="no numbers"):
        Plots(nothing).roc()
    with pytest.raises(NotApplicable, match="No candidate"):
        Plots(nothing).scores()


def test_hostile_names_do_not_break_a_chart(tmp_path: Path) -> None:
    plots = Plots(made_up_trial(2, names=HOSTILE[:4]))
    for name in ("features", "plane", "boundaries"):
        getattr(plots, name)().save(tmp_path / f"{name}.svg")
    text = (tmp_path / "plane.svg").read_text(encoding="utf-8")
    assert "<script>" not in text
