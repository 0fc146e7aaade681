"""What thinning really costs, beside what a comparison says that it costs.

The transactions of the Fraud Detection Handbook, thinned at several rates; four test weeks, each a week of training and
a week of waiting earlier, as `bench.handbook` has them. Fitted on the rows kept, judged on every row of the test week.
`peer` is the average precision of the model of all rows, `ours` that of the rows kept, `lost` the difference, means
over the four weeks. `stated` is what `counterpoise.evaluate.thinning` says from the rows kept alone: if the loss falls
as one over their number, to if as one over its root; `stated_most` is the upper end of the latter's 95 % interval. Both
are means over the weeks. The target is that no more is lost than that.

python -m bench.thinned
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from bench.handbook import FOLDS, UNUSED, read
from counterpoise.evaluate.candidates import Candidate, build
from counterpoise.evaluate.thinning import SLOWEST, loss_of_halving
from counterpoise.scale import read_thinned
from counterpoise.split import Fold, make_folds
from counterpoise.table.chunks import chunks_of

RATES = (0.5, 0.2, 0.1, 0.05)
LEARNERS = ("logistic", "boosting")
SEED = 0


def fitted(candidate: Candidate, table: Any, rows: np.ndarray) -> Any:
    """Fit a candidate on some rows, with their weights."""
    weights = None if table.weights is None else table.weights[rows]
    return build(candidate, random_state=SEED).fit(table.X[rows], table.y[rows], sample_weight=weights)


def weeks_of(table: Any) -> list[Fold]:
    """Give the weeks that judge."""
    return [fold for fold in make_folds(table, FOLDS).folds if fold.lines]


def thinned(table: Any, rate: float, folder: Path) -> tuple[Any, np.ndarray]:
    """Thin the table as a file, and give what is kept with its row numbers."""
    path = folder / "whole.parquet"
    if not path.exists():
        table.frame.write_parquet(path)
    kept = read_thinned(
        chunks_of(path),
        target="TX_FRAUD",
        id="TRANSACTION_ID",
        drop=[name for name in UNUSED if name in table.frame.columns],
        time="TX_DATETIME",
        group="CUSTOMER_ID",
        rate=rate,
    )
    numbers = {each: k for k, each in enumerate(table.frame["TRANSACTION_ID"])}
    return kept, np.array([numbers[each] for each in kept.frame["TRANSACTION_ID"]])


def of_week(candidate: Candidate, table: Any, kept: Any, places: np.ndarray, week: Fold) -> tuple[float, Any]:
    """Give the average precision on a whole week of the model of the rows kept, and the loss that is stated."""
    train, test = (np.flatnonzero(np.isin(places, part)) for part in (week.train, week.test))
    model = fitted(candidate, kept, train)
    whole = model.predict_proba(table.X[week.test])[:, 1]
    said = SimpleNamespace(proba=model.predict_proba(kept.X[test])[:, 1])
    run = SimpleNamespace(candidate=candidate, finished=lambda: [SimpleNamespace(scores=said)])
    stated = loss_of_halving(kept, run, Fold(train, test), 0, SEED)  # type: ignore[arg-type]
    return float(average_precision_score(table.y[week.test], whole)), stated


def main(learners: tuple[str, ...] = LEARNERS, rates: tuple[float, ...] = RATES) -> list[dict[str, Any]]:
    """Measure every rate with every learner."""
    table, found = read(), []
    if table is None:
        return []
    weeks = weeks_of(table)
    with tempfile.TemporaryDirectory() as folder:
        for learner in learners:
            candidate = Candidate("none", learner)
            full = [
                average_precision_score(
                    table.y[week.test],
                    fitted(candidate, table, week.train).predict_proba(table.X[week.test])[:, 1],
                )
                for week in weeks
            ]
            for rate in rates:
                kept, places = thinned(table, rate, Path(folder))
                found.append(
                    row_of(
                        learner, rate, kept, full, [of_week(candidate, table, kept, places, w) for w in weeks]
                    )
                )
                print(found[-1], flush=True)
    return found


def row_of(
    learner: str, rate: float, kept: Any, full: list[float], weeks: list[tuple[float, Any]]
) -> dict[str, Any]:
    """Hold what is lost against what is stated."""
    ours, peer = float(np.mean([ap for ap, _ in weeks])), float(np.mean(full))
    stated = float(np.mean([each.value for _, each in weeks]))
    spread = float(np.sqrt(np.sum([(each.upper - each.value) ** 2 for _, each in weeks])) / len(weeks))
    most = max(0.0, SLOWEST * (stated + spread))
    return {
        "name": f"{learner}, {rate:.0%} of the negatives",
        "negatives_a_positive": round(float((kept.y == 0).sum() / (kept.y == 1).sum()), 1),
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "lost": round(peer - ours, 4),
        "stated": f"{max(0.0, stated):.4f} to {max(0.0, SLOWEST * stated):.4f}",
        "stated_most": round(most, 4),
        "target": "lost <= stated_most",
        "met": bool(peer - ours <= most),
    }


if __name__ == "__main__":
    main()
