"""One HTML file that shows a trial: from its records alone, without network, readable by everybody.

Everything that comes from the table (names, labels, paths) goes through Jinja's escaping, or, for the script, through
JSON whose ``<`` is escaped; the script sets text only. A content security policy lets nothing be fetched and no other
script run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from importlib import resources
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from counterpoise.evaluate.records import CandidateRecord, TrialRecord
from counterpoise.report.forest import forest_of
from counterpoise.report.methods import methods_of
from counterpoise.report.view import page_data
from counterpoise.report.words import (
    bytes_in_words,
    figure,
    interval,
    metric_name,
    seconds_in_words,
    share,
    signed,
)

__all__ = ["render"]

_TYPES = (("safe", ""), ("borderline", ""), ("rare", ""), ("outlier", ""))
_OUTCOMES = {
    "better": ("better", "a treatment helps"),
    "no difference shown": ("none", "no difference shown"),
    "worse": ("worse", "every treatment is worse"),
    "refused": ("refused", "no verdict"),
}
_SHORT_NAMES = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mcc": "MCC",
    "mean_ratio": "mean prob. / base rate",
}


_DAILY_METRICS = ("card_precision_100", "daily_precision_100", "daily_recall", "alerts_per_day")
_CLASS_METRICS = ("precision", "recall", "f1", "average_precision", "roc_auc", "mean_ratio")


def render(record: TrialRecord) -> str:
    """Write the page.

    Parameters
    ----------
    record : TrialRecord
        The trial, new or read back from ``trial.json``.

    Returns
    -------
    str
        HTML, complete in itself.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_read("page.html.j2"))
    return template.render(**_context(record))


def _read(name: str) -> str:
    return resources.files("counterpoise.report").joinpath("templates", name).read_text(encoding="utf-8")


def _context(record: TrialRecord) -> dict[str, Any]:
    script = _read("page.js")
    run = [c for c in record.candidates if c.status == "run"]
    champion = next((c for c in run if c.is_champion), None)
    forest = forest_of(run, greater_is_better=record.goal_greater_is_better)
    data = page_data(record)
    has_curves = any(c["curve"] and len(c["curve"]["t"]) > 1 for c in data["candidates"])
    board = [SimpleNamespace(c=c, forest=mark) for c, mark in zip(run, forest.marks, strict=True)]
    has_history = any(c.history for c in run)
    return {
        "r": record,
        "p": _profile(record),
        "css": Markup(_read("page.css")),
        "script": Markup(script),
        "data": Markup(_json(data)),
        "policy": _policy(script),
        "outcome_class": _OUTCOMES[record.verdict.outcome][0],
        "outcome": _OUTCOMES[record.verdict.outcome][1],
        "goal_name": _SHORT_NAMES.get(record.goal_metric, metric_name(record.goal_metric)),
        "metrics": [name for name in _SHORT_NAMES if name != record.goal_metric],
        "short_names": _SHORT_NAMES,
        "class_metrics": _CLASS_METRICS,
        "daily_metrics": [m for m in _DAILY_METRICS if champion is not None and m in champion.metrics],
        "champion": champion,
        "point": _point(champion),
        "thousands": _thousands(champion, record) if champion is not None else [],
        "not_run": [c for c in record.candidates if c.status != "run"],
        "board": board,
        "forest": forest,
        "has_curves": has_curves,
        "confusions": [c for c in run if c.confusion],
        "several": champion is not None and bool(champion.classes),
        "has_history": has_history,
        "planes": data["planes"],
        "fold_times": any(f.test_from for f in record.folds.folds),
        "methods": methods_of(record),
        "minority_types": _TYPES,
        "ratio": f"{(record.table.n_rows - record.table.n_positive) / max(1, record.table.n_positive):,.3g}",
        "sections": _sections(record, has_curves, has_history),
        "figure": figure,
        "signed": signed,
        "interval": interval,
        "share": share,
        "seconds": seconds_in_words,
        "bytes": bytes_in_words,
        "metric_name": metric_name,
        "count": lambda value: f"{value:,.0f}",
        "cut": lambda name: name if len(name) <= 60 else name[:59] + "…",
    }


def _json(values: Any) -> str:
    """Write JSON that can stand inside a script element."""
    text = json.dumps(_finite(values), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _sections(record: TrialRecord, has_curves: bool, has_history: bool) -> list[tuple[str, str]]:
    wanted = [
        ("verdict", "Verdict", True),
        ("line", "The line", has_curves),
        ("leaderboard", "Leaderboard", any(c.status == "run" for c in record.candidates)),
        ("classes", "Classes", any(c.is_champion and c.classes for c in record.candidates)),
        ("curves", "Curves", has_curves),
        ("table", "Table", True),
        ("training", "Training", has_history),
        ("boundaries", "Boundaries", bool(record.boundaries)),
        ("findings", "Findings", True),
        ("methods", "Methods", True),
    ]
    return [(name, words) for name, words, is_wanted in wanted if is_wanted]


def _profile(record: TrialRecord) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "duplicates": None,
        "groups": None,
        "minority": None,
        "times": None,
        "missing": [],
    }
    return {**empty, **(record.profile or {})}


def _point(champion: CandidateRecord | None) -> SimpleNamespace | None:
    found = None if champion is None else champion.operating_point
    if not found or found.get("threshold") is None:
        return None
    limits = [
        SimpleNamespace(**{"constraint": "", "value": None, "bound": None, "met": True, **each})
        for each in found.get("constraints") or ()
    ]
    return SimpleNamespace(
        threshold=float(found["threshold"]),
        n_positive=found.get("n_positive"),
        met=found.get("met", True),
        reason=found.get("reason", ""),
        constraints=limits,
    )


def _alerts_a_day(champion: CandidateRecord, share: float, record: TrialRecord) -> str:
    """Say the figure by day where there is one, so that a page never says two; else what the share amounts to."""
    by_day = champion.metrics.get("alerts_per_day")
    if by_day is not None and by_day.value is not None:
        return f"{figure(by_day.value)} alerts a day"
    if not record.table.n_days:
        return ""
    a_day = share * record.table.n_rows / record.table.n_days
    return f"{a_day:,.0f} alerts a day" if a_day >= 100 else f"{a_day:.3g} alerts a day"


def _thousands(champion: CandidateRecord, record: TrialRecord) -> list[SimpleNamespace]:
    """Say what the champion's decisions mean per thousand, from the cross-fitted counts."""
    cells = champion.confusion
    if not cells:
        return []
    tp, fp, fn, tn = (cells[name] for name in ("tp", "fp", "fn", "tn"))
    parts = [
        ("Of 1,000 alerts, about", tp, tp + fp, "are positives.", "precision"),
        ("Of 1,000 positives, about", tp, tp + fn, "are alerted.", "recall"),
        ("Of 1,000 rows, about", tp + fp, tp + fp + fn + tn, "are alerted.", None),
    ]
    out = []
    for before, hits, of, after, metric in parts:
        if not of:
            continue
        estimate = champion.metrics.get(metric) if metric else None
        bounds = ""
        if estimate is not None and estimate.lower is not None and estimate.upper is not None:
            bounds = f"{1000 * estimate.lower:,.0f} to {1000 * estimate.upper:,.0f}"
        if metric is None:
            bounds = _alerts_a_day(champion, hits / of, record)
        count = 1000 * hits / of
        out.append(
            SimpleNamespace(
                before=before,
                n=f"{count:,.0f}" if count >= 10 or count == 0 else f"{count:.2g}",
                after=after,
                interval=bounds,
                percent=round(100 * hits / of, 2),
            )
        )
    return out
