"""What clients get: predictions as SageMaker's LinearLearner gives them, with what they rest on.

``{"predictions": [{"score": 0.03, "predicted_label": 0, "probability": 0.03, "threshold": 0.2, "version": 3,
"id": "5f0c...-0"}], "endpoint": ..., "variant": ..., "model_version": ..., "operating_point": {...}}``. The score is
the probability of the positive class; of several classes, the list of all. Source of the form:
https://docs.aws.amazon.com/sagemaker/latest/dg/LL-in-formats.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from counterpoise.serve.models import Served
from counterpoise.serve.refusals import Refused

__all__ = ["accepted", "as_csv", "as_json", "as_json_lines", "facts"]

is_plain = re.compile(r"[\w-]+", re.ASCII).fullmatch
"""Whether JSON writes a text as it is."""

WITH_HEADER = "text/csv; header=present"
"""CSV whose first line names the columns."""

FEW_ROWS = 64
"""Up to so many rows, plain Python is quicker than setting up columns."""


def accepted(accept: str) -> str:
    """Choose the form of the answer.

    Parameters
    ----------
    accept : str
        The header Accept.

    Returns
    -------
    str
        ``application/json``, ``application/jsonlines``, ``text/csv`` or ``text/csv; header=present``.

    Raises
    ------
    Refused
        406, if none is welcome.
    """
    wanted = [part.replace(" ", "").lower() for part in accept.split(",")]
    for each, _, parameters in (part.partition(";") for part in wanted):
        if each in ("", "*/*", "application/*", "application/json"):
            return "application/json"
        if each in ("application/jsonlines", "application/x-ndjson", "application/x-jsonlines"):
            return "application/jsonlines"
        if each in ("text/csv", "text/*"):
            return WITH_HEADER if "header=present" in parameters.split(";") else "text/csv"
    raise Refused(
        f"Accept {accept[:100]!r} was sent.",
        status=406,
        expected="Expected application/json, application/jsonlines or text/csv.",
        hint="Set the header Accept, or leave it out.",
    )


def facts(served: Served, endpoint: str, variant: str) -> dict[str, Any]:
    """Say what predictions rest on.

    Parameters
    ----------
    served : Served
        The version that answered.
    endpoint : str
        The endpoint's name.
    variant : str
        Champion or challenger.

    Returns
    -------
    dict
        Plain JSON values.
    """
    point, model = served.model.operating_point, served.model
    rests_on = {"threshold": served.threshold, "goal": str(point.goal), "base_rate": model.base_rate}
    return {
        "endpoint": endpoint,
        "variant": variant,
        "version": served.number,
        "model_version": model.version,
        "operating_point": {key: value for key, value in rests_on.items() if value == value},
    }


def as_json(
    served: Served, endpoint: str, variant: str, probability: np.ndarray, ids: Sequence[str] | str
) -> bytes:
    """Write one JSON object.

    Parameters
    ----------
    served : Served
        The version that answered.
    endpoint, variant : str
        Where.
    probability : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What it answered.
    ids : sequence of str, or str
        One id a row; or the request's, and its rows are numbered.

    Returns
    -------
    bytes
        UTF-8.
    """
    rest = json.dumps(facts(served, endpoint, variant)).encode()
    return b'{"predictions":[%b],%b' % (_rows(served, probability, ids, ",").encode(), rest[1:])


def as_json_lines(served: Served, probability: np.ndarray, ids: Sequence[str] | str) -> bytes:
    """Write one JSON object a row.

    Parameters
    ----------
    served : Served
        The version that answered.
    probability : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What it answered.
    ids : sequence of str, or str
        One id a row; or the request's, and its rows are numbered.

    Returns
    -------
    bytes
        UTF-8.
    """
    return b"%b\n" % _rows(served, probability, ids, "\n").encode()


def as_csv(
    served: Served, probability: np.ndarray, ids: Sequence[str] | str, *, has_header: bool = False
) -> bytes:
    """Write one line a row: the fields of SageMaker's LinearLearner, in the order in which its JSON has them.

    Parameters
    ----------
    served : Served
        The version that answered.
    probability : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What it answered.
    ids : sequence of str, or str
        One id a row; or the request's, and its rows are numbered.
    has_header : bool, default=False
        Name the columns, and give the ids too.

    Returns
    -------
    bytes
        UTF-8: ``score,predicted_label``; of several classes all scores come first.
    """
    labels, n_rows = served.labels, len(probability)
    several = probability.ndim == 2
    scores = {f"score_{label}": probability[:, k] for k, label in enumerate(labels)} if several else {}
    chosen = (
        served.model.choose(probability) if several else (probability >= served.model.threshold).astype(int)
    )
    named = [f"{ids}-{row}" for row in range(n_rows)] if isinstance(ids, str) else ids
    frame = pl.DataFrame(scores or {"score": probability}).with_columns(
        predicted_label=pl.Series([str(labels[k]) for k in chosen]),
        **{"id": pl.Series(named)} if has_header else {},
    )
    return frame.write_csv(include_header=has_header).encode()


def _rows(served: Served, probability: np.ndarray, ids: Sequence[str] | str, between: str) -> str:
    """Write one JSON object a row, and something between them."""
    tail = f',"version":{served.number},"id":'
    labels = [json.dumps(label) for label in served.labels]
    if probability.ndim == 2:
        chosen = served.model.choose(probability)
        return between.join(
            f'{{"score":{json.dumps(row)},"predicted_label":{labels[k]},"probability":{row[k]!r}{tail}{name}}}'
            for row, k, name in zip(probability.tolist(), chosen, _names(ids, len(chosen)), strict=True)
        )
    line = served.model.threshold
    tail = f',"threshold":{_number(line)}{tail}'
    if len(probability) > FEW_ROWS:
        return _many_rows(probability, line, labels, tail, ids, between)
    return between.join(
        f'{{"score":{p!r},"predicted_label":{labels[p >= line]},"probability":{p!r}{tail}{name}}}'
        for p, name in zip(probability.tolist(), _names(ids, len(probability)), strict=True)
    )


def _names(ids: Sequence[str] | str, n_rows: int) -> list[str]:
    """Write ids as JSON."""
    if isinstance(ids, str):
        return [f'"{ids}-{row}"' for row in range(n_rows)]
    return [f'"{name}"' if is_plain(name) else json.dumps(name) for name in ids]


def _many_rows(
    probability: np.ndarray,
    line: float,
    labels: list[str],
    tail: str,
    ids: Sequence[str] | str,
    between: str,
) -> str:
    """Do the same in columns."""
    p = pl.Series("p", probability)
    text = p.cast(pl.String)
    called = pl.Series([f',"predicted_label":{label},"probability":' for label in labels])
    if isinstance(ids, str):
        names, form = pl.int_range(len(p)).cast(pl.String), f'"{ids}-{{}}"'
    else:
        names, form = pl.lit(pl.Series(_names(ids, len(p)))), "{}"
    rows = pl.format(
        f'{{{{"score":{{}}{{}}{{}}{tail}{form}}}}}',
        pl.lit(text),
        pl.lit(called.gather((p >= line).cast(pl.UInt32))),
        pl.lit(text),
        names,
    )
    return str(pl.select(rows.str.join(between)).item())


def _number(value: float) -> str:
    return "null" if not np.isfinite(value) else repr(value)
