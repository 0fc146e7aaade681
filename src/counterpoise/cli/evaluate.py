"""``counterpoise evaluate``: how good a saved model is on a table with the outcome."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from counterpoise.cli import options as o
from counterpoise.errors import OptionError, RoleError

__all__ = ["action", "class_lines", "register", "say"]


def action(
    model: str,
    table: list[str],
    target: str,
    drop: list[str] | None = None,
    *,
    in_chunks: bool | None = None,
    engine: str = "local",
    workers: int = 0,
) -> dict[str, Any]:
    """Evaluate a bundle on files.

    Parameters
    ----------
    model : str
        A bundle.
    table : list of str
        Files, patterns, folders or addresses.
    target : str
        The column with the outcome.
    drop : list of str, optional
        Columns to leave out: roles of the training table that shall play no part. No features of the model.
    in_chunks : bool, optional
        Count over chunks at a fixed memory; by default where the table does not fit.
    engine : str, default="local"
        Where chunks are counted.
    workers : int, default=0
        Processes that count at the same time; 0 counts in this one.

    Returns
    -------
    dict
        ``basis``, ``n_rows``, ``n_positive``, ``confusion`` and ``figures`` with intervals.

    Raises
    ------
    ModelError
        If there is no model, or the table does not fit it.
    OptionError
        If a feature of the model is to be left out.
    """
    from counterpoise.bundle import load
    from counterpoise.evaluate import evaluate_model
    from counterpoise.scale import rows_that_fit

    loaded = load(model)
    roles = {r: c for r, c in loaded.schema.roles.items() if r in ("weight", "time", "group", "amount", "id")}
    source = table if len(table) > 1 else table[0]
    _check_drop(loaded, source, drop or ())
    present = {role: name for role, name in _present(table, roles).items() if name not in (drop or ())}
    if in_chunks or (in_chunks is None and rows_that_fit(source) is not None):
        return evaluate_files(
            model, source, target, present.get("weight"), present.get("group"), engine=engine, workers=workers
        )
    positive = str(loaded.labels[-1]) if len(loaded.labels) == 2 else None
    try:
        rows = o.read_table(table, target, positive, drop, rows=None, **present)
    except RoleError:
        _explain_labels(loaded, source, target)
        raise
    return evaluate_model(loaded, rows)


def _check_drop(model: Any, source: Any, drop: Sequence[str]) -> None:
    """Refuse to leave out what the model looks at, or what is not there."""
    from counterpoise.table.chunks import chunks_of

    if not drop:
        return
    features = {feature.name for feature in model.schema.features}
    if needed := [name for name in drop if name in features]:
        raise OptionError(
            f"--drop {needed[0]} was given.",
            expected="Expected columns that are no features of the model.",
            why="A model needs every feature that it was trained on.",
            hint=f"Leave the option out, or compare again with --drop {needed[0]} for a model without it.",
        )
    chunks_of(source).require(list(drop))


def _explain_labels(model: Any, source: Any, target: str) -> None:
    """Where a table cannot be read since it lacks the model's positive label, say so: no option names another."""
    from counterpoise.evaluate.again import positive_among
    from counterpoise.table.chunks import chunks_of

    chunks = chunks_of(source)
    if len(model.labels) > 2 or target not in chunks.schema:
        return
    labels = {label for chunk in chunks for label in chunk.read([target])[target].unique().to_list()}
    if None not in labels:
        positive_among(model, target, labels)


def evaluate_files(
    model: str,
    source: Any,
    target: str,
    weight: str | None = None,
    group: str | None = None,
    *,
    rows_at_once: int = 200_000,
    engine: str = "local",
    workers: int = 0,
) -> dict[str, Any]:
    """Evaluate a bundle on files, chunk by chunk, at a fixed memory.

    Parameters
    ----------
    model : str
        A bundle.
    source : str, Path or sequence of them
        Files, patterns, folders or addresses.
    target : str
        The column with the outcome.
    weight : str, optional
        The column of weights.
    group : str, optional
        The column of what is resampled together.
    rows_at_once : int, default=200_000
        Rows of a chunk.
    engine : str, default="local"
        Where chunks are counted.
    workers : int, default=0
        Processes that count at the same time; 0 counts in this one.

    Returns
    -------
    dict
        As `action` gives it.

    Raises
    ------
    InputError
        If the model or the table does not fit.
    """
    from counterpoise.cli.progress import rows_bar
    from counterpoise.evaluate.streaming import evaluate_chunks
    from counterpoise.scale import make_engine
    from counterpoise.table.chunks import chunks_of

    here = workers or (None if engine != "local" else 0)
    with rows_bar("evaluating") as tell, make_engine(engine, here) as running:
        chunks = chunks_of(source, rows_at_once)
        return evaluate_chunks(
            model, chunks, target, weight=weight, group=group, engine=running, on_step=tell
        )


def _present(table: list[str], roles: dict[str, str]) -> dict[str, Any]:
    """Keep the roles whose columns the table has: weights and times are welcome, not needed."""
    from counterpoise.table.chunks import chunks_of

    names = chunks_of(table if len(table) > 1 else table[0]).schema
    return {role: name for role, name in roles.items() if name in names}


def say(found: dict[str, Any]) -> str:
    """Say what was found, for the terminal.

    Parameters
    ----------
    found : dict
        As `action` gives it.

    Returns
    -------
    str
        One figure a line, with its interval.
    """
    if "classes" in found:
        lines = [f"{found['n_rows']} rows; {found['basis']}", *class_lines(found["classes"]), "all classes:"]
    else:
        confusion = found["confusion"]
        lines = [
            f"{found['n_rows']} rows, {found['n_positive']} positive; {found['basis']}",
            f"alerts {confusion['tp'] + confusion['fp']:g}: {confusion['tp']:g} right, {confusion['fp']:g} false; "
            f"missed {confusion['fn']:g}",
        ]
    for name, estimate in found["figures"].items():
        lines.append(f"  {name:<20} {_figure(estimate)}")
    lines += [f"note: {note}" for note in found["notes"]]
    return "\n".join(lines)


_SHOWN = ("precision", "recall", "f1", "average_precision")


def class_lines(classes: list[dict[str, Any]]) -> list[str]:
    """Lay the figures of each class out in 80 columns.

    Parameters
    ----------
    classes : list of dict
        Records of classes, as plain values.

    Returns
    -------
    list of str
        A header and a line a class.
    """
    header = f"  {'class':<20} {'rows':>8} {'decided':>8}" + "".join(f" {n:>9}" for n in (*_SHOWN[:-1], "AP"))
    lines = [header]
    for each in classes:
        values = [each["metrics"][name]["value"] for name in _SHOWN]
        said = "".join(f" {'-' if value is None else f'{value:.3f}':>9}" for value in values)
        lines.append(f"  {each['label'][:20]:<20} {each['n']:>8,.6g} {each['n_decided']:>8,.6g}{said}")
    return lines


def _figure(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return f"undefined ({estimate['why_undefined'] or 'no such rows'})"
    interval = "" if estimate["lower"] is None else f"  ({estimate['lower']:.4f} to {estimate['upper']:.4f})"
    return f"{estimate['value']:.4f}{interval}"


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("evaluate")
    def _evaluate(
        model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder that compare wrote.")],
        table: o.TableArgument,
        target: o.Target,
        drop: o.Drop = None,
        in_chunks: Annotated[
            bool | None,
            typer.Option(
                "--chunks/--whole", help="Count over chunks; by default where the table does not fit."
            ),
        ] = None,
        engine: o.Engine = "local",
        workers: Annotated[
            int, typer.Option("--workers", min=0, help="Processes that count chunks; 0: this one.")
        ] = 0,
        as_json: o.Json = False,
    ) -> None:
        """Say how good a saved model is on a table with the outcome.

        Rows that the model was trained on are judged by the probabilities of models that had not seen them; those that
        no such model judged, such as the first rows of a trial in time, are left out of the figures.
        """
        found = action(model, table, target, drop, in_chunks=in_chunks, engine=engine, workers=workers)
        sys.stdout.write((json.dumps(found, indent=1) if as_json else say(found)) + "\n")
