"""``counterpoise monitor``: what becomes of an endpoint, in the terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoise.cli import options as o
from counterpoise.cli.endpoint import existing_store
from counterpoise.cli.serve import STORE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from counterpoise.monitor import Figure, Report
    from counterpoise.serve import Seen

__all__ = ["action", "register", "say"]

MOST_WINDOWS = 14
MOST_FEATURES = 6


def action(
    name: str, *, store: str = STORE, every: str = "1d", alpha: float = 0.05, hook: str | None = None
) -> Seen:
    """Look at an endpoint in its store; new alarms are kept there, as the server does.

    Parameters
    ----------
    name : str
        The endpoint.
    store : str, default="sqlite:///counterpoise.db"
        Where predictions and labels are.
    every : str, default="1d"
        How long a window is: ``1h``, ``7d``, or a number of rows.
    alpha : float, default=0.05
        Tolerated chance of a false alarm.
    hook : str, optional
        An address that every alarm is posted to.

    Returns
    -------
    Seen
        Reports of the champion and the challenger, and the last alarms.

    Raises
    ------
    InputError
        If the store, the endpoint or an option cannot be used.
    """
    from counterpoise.errors import OptionError
    from counterpoise.monitor import Rules
    from counterpoise.serve import Watch, WatchSettings

    if not 0 < alpha < 1:
        raise OptionError(
            f"--alpha {alpha} was given.",
            expected="Expected a chance between 0 and 1.",
            why="It is how likely a false alarm may ever be.",
            hint="Leave it at 0.05.",
        )
    settings = WatchSettings(every=every, rules=Rules(alpha=alpha), hook=hook)
    opened = existing_store(store)
    try:
        return Watch(opened, settings).look_at(name)
    finally:
        opened.close()


def say(seen: Seen) -> list[RenderableType]:
    """Say what was seen, for the terminal.

    Parameters
    ----------
    seen : Seen
        As `action` gives it.

    Returns
    -------
    list of renderable
        For a rich console.
    """
    from rich.table import Table
    from rich.text import Text

    out: list[RenderableType] = []
    for report in seen.reports:
        colour = {"quiet": "green", "alarm": "red"}.get(report.state, "dim")
        head = Text.assemble(
            (f"{report.endpoint} ", "bold"),
            f"version {report.version}, {report.variant}: ",
            (report.state, colour),
        )
        out += [head, _windows(report, Table), _checks(report, Table), *_features(report, Table)]
        out += [Text(note, style="dim") for note in report.notes]
    if seen.earlier:
        out += [Text("Versions before", style="bold"), *[_before(report, Text) for report in seen.earlier]]
    if seen.alarms:
        out.append(Text("Alarms", style="bold"))
        out += [
            Text(
                f"  {alarm.at:%Y-%m-%d %H:%M}  version {alarm.version}  {alarm.code} {alarm.subject}  {alarm.sentence}"
            )
            for alarm in seen.alarms[:10]
        ]
    return out


def _before(report: Report, text: Any) -> Any:
    first, last = report.windows[0], report.windows[-1]
    n_rows, n_alerts = (
        sum(getattr(each, name) for each in report.windows) for name in ("n_rows", "n_alerts")
    )
    span = f"{first.start:%Y-%m-%d %H:%M} to {last.end:%Y-%m-%d %H:%M}"
    return text(f"  version {report.version}  {span}  {n_rows} rows, {n_alerts} called  {report.state}")


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.2g}" if value < 0.1 else f"{100 * value:.0f}"


def _figure(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    return f"{_percent(figure.value)} ({_percent(figure.lower)}-{_percent(figure.upper)})"


def _windows(report: Report, table: Any) -> Any:
    out = table(
        "from", "rows", "called", "positives %", "precision %", "recall %", "labels", box=None, padding=(0, 1)
    )
    for window in report.windows[-MOST_WINDOWS:]:
        best = [(window.realised.get(name), window.expected.get(name)) for name in ("precision", "recall")]
        out.add_row(
            f"{window.start:%m-%d %H:%M}",
            str(window.n_rows),
            str(window.n_alerts),
            _figure(window.prevalence),
            *[
                _figure(came) if came is not None and came.value is not None else f"~{_figure(told)}"
                for came, told in best
            ],
            str(window.n_labelled),
        )
    if report.windows:
        out.caption = (
            "positives are estimated without labels; ~ foretold by the probabilities, without labels"
        )
    return out


def _checks(report: Report, table: Any) -> Any:
    out = table("watched", "evidence", "needed", "seen", box=None)
    ordered = sorted(report.checks, key=lambda check: check.needed - check.evidence)
    for check in [c for c in ordered if c.fired or c.code != "feature"]:
        since = f"; since {check.since:%Y-%m-%d %H:%M}" if check.fired and check.since else ""
        name = f"{check.code} {check.subject}".strip()
        style = "red" if check.fired else None
        out.add_row(name, f"{check.evidence:.1f}", f"{check.needed:.1f}", check.sentence + since, style=style)
    return out


def _features(report: Report, table: Any) -> list[Any]:
    moved = [each for each in report.features if each.psi > each.psi_by_chance]
    if not moved:
        return []
    out = table("feature", "PSI", "by chance", "KS", "moved most", box=None)
    for each in moved[:MOST_FEATURES]:
        out.add_row(each.name, f"{each.psi:.3f}", f"{each.psi_by_chance:.3f}", f"{each.ks:.3f}", each.largest)
    return [out]


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("monitor")
    def _monitor(
        name: Annotated[str, typer.Argument(metavar="NAME", help="The endpoint.")],
        store: Annotated[str, typer.Option("--store", metavar="URL", help="Its store.")] = STORE,
        every: Annotated[
            str, typer.Option(metavar="1d|ROWS", help="How long a window is: 1h, 7d, 5000.")
        ] = "1d",
        alpha: Annotated[float, typer.Option(help="Tolerated chance of a false alarm, ever.")] = 0.05,
        hook: Annotated[
            str | None, typer.Option(metavar="URL", help="Post new alarms there, as JSON.")
        ] = None,
        as_json: o.Json = False,
    ) -> None:
        """Say what becomes of an endpoint: traffic, drift, prevalence, precision and recall, alarms."""
        seen = action(name, store=store, every=every, alpha=alpha, hook=hook)
        if as_json:
            sys.stdout.write(json.dumps(seen.to_dict(), indent=1) + "\n")
            return
        from rich.console import Console

        console = Console(markup=False, highlight=False)
        for part in say(seen):
            console.print(part)
