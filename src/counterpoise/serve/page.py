"""The page at ``/``: what the monitor sees of an endpoint, as one HTML file without scripts and without network.

Charts are SVG written by hand; each has a sentence for those who do not see it, and a table has the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from urllib.parse import quote

import numpy as np

from counterpoise.monitor import Alarm, Check, Figure, Report, WindowReport, say_share
from counterpoise.serve.watch import Seen

__all__ = ["HEADERS", "render", "render_empty"]

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""What goes with the page: nothing may be loaded or run."""

SECONDS_FRESH = 60
"""The page is loaded again after so long."""

MOST_FEATURES = 12

_LONG = ("seen", "moved most", "recall, realised")
"""Columns of words, which need room."""

_TITLES = {
    "alerts": "Share that is called",
    "budget": "Alerts against the budget",
    "scores": "Scores",
    "prevalence": "Share of positives",
    "feature": "Feature",
    "precision": "Precision of alerts",
    "missed": "Positives among passed rows",
    "recall": "Recall",
}

_STYLE = """
:root { color-scheme: light dark; --paper:#fbfaf7; --card:#fff; --ink:#1c2024; --soft:#565f68; --line:#d9d9d2;
  --faint:#ecebe5; --a:#00706b; --b:#c8500a; --good:#00706b; --bad:#b00020; }
@media (prefers-color-scheme: dark) { :root { --paper:#15181b; --card:#1d2125; --ink:#e9e8e4; --soft:#a5adb5;
  --line:#3a4046; --faint:#282d32; --a:#3fcfc2; --b:#ff9a52; --good:#3fcfc2; --bad:#ff8088; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink); overflow-wrap:anywhere;
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif; }
main, header > div { max-width:1180px; margin:0 auto; padding:0 20px; }
header { border-bottom:1px solid var(--line); }
header > div { display:flex; flex-wrap:wrap; gap:.3rem 1.2rem; align-items:baseline; padding-top:.7rem;
  padding-bottom:.7rem; }
nav { display:flex; flex-wrap:wrap; gap:.3rem 1.2rem; }
header a { color:var(--soft); } header a[aria-current] { color:var(--ink); font-weight:650; text-decoration:none; }
h1 { font-size:1.1rem; margin:0 .6rem 0 0; } h2 { font-size:1.25rem; margin:2rem 0 .6rem; line-height:1.25; }
h3 { font-size:.95rem; margin:0 0 .4rem; }
p { margin:.3rem 0 .7rem; max-width:76ch; } .soft { color:var(--soft); } small { color:var(--soft); }
a { color:var(--a); } :focus-visible { outline:3px solid var(--a); outline-offset:2px; }
.state { display:inline-block; border:1.5px solid; border-radius:99px; padding:.1rem .8rem; font-weight:650;
  font-size:.85rem; }
.quiet { color:var(--good); } .alarm { color:var(--bad); } .no-traffic { color:var(--soft); }
.big { font-size:1.4rem; line-height:1.3; margin:.6rem 0 1rem; max-width:46ch; }
.grid { display:grid; gap:1rem; grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr)); }
.tiles { grid-template-columns:repeat(auto-fit,minmax(min(100%,165px),1fr)); }
.card { background:var(--card); border:1px solid var(--line); border-radius:10px; padding:.9rem 1rem; min-width:0; }
.tile b { display:block; font-size:1.35rem; font-weight:600; } .tile span { color:var(--soft); font-size:.85rem; }
svg { display:block; width:100%; height:auto; } svg text { fill:var(--soft); font-size:11px; }
.scroll { overflow-x:auto; } table { border-collapse:collapse; min-width:100%; font-size:.9rem; }
table { overflow-wrap:break-word; }
td { min-width:9ch; max-width:46ch; } td.long { min-width:24ch; }
summary { cursor:pointer; color:var(--a); margin:1.5rem 0 .5rem; }
th, td { text-align:left; padding:.35rem .7rem .35rem 0; border-bottom:1px solid var(--line); vertical-align:top; }
th { color:var(--soft); font-weight:600; } td.n, th.n { text-align:right; white-space:nowrap;
  font-variant-numeric:tabular-nums; }
.bar { background:var(--faint); height:.55rem; border-radius:3px; min-width:90px; } .bar i { display:block; height:100%;
  border-radius:3px; background:var(--a); } .bar i.over { background:var(--bad); }
.key { display:inline-flex; gap:.35rem; align-items:center; margin-right:1rem; font-size:.8rem; color:var(--soft); }
.key i { width:1.1rem; height:0; border-top:2.5px solid var(--a); } .key i.b { border-top:2.5px dashed var(--b); }
.key i.c { border-top:1.5px dotted var(--soft); }
footer { color:var(--soft); font-size:.85rem; margin:2.5rem 0 2rem; }
"""


def render(seen: Seen, names: Sequence[str], now: datetime) -> str:
    """Write the page of an endpoint.

    Parameters
    ----------
    seen : Seen
        What the monitor saw.
    names : sequence of str
        All endpoints.
    now : datetime
        When it was seen.

    Returns
    -------
    str
        HTML.
    """
    champion = seen.reports[0] if seen.reports else Report(endpoint=seen.name)
    sections = [_headline(champion, seen.earlier), _tiles(champion), _charts(champion, seen.earlier)]
    if len(seen.reports) > 1:
        sections.append(_versus("Champion against challenger", seen.reports))
    if seen.earlier:
        sections.append(_versus("Versions", [champion, *seen.earlier]))
    sections += [
        _checks(champion),
        _alarms(seen.alarms),
        _features(champion),
        _windows(champion),
        _notes(champion),
    ]
    return _page(seen.name, names, "".join(sections), now)


def render_empty(now: datetime) -> str:
    """Write the page where there are no endpoints.

    Parameters
    ----------
    now : datetime
        When.

    Returns
    -------
    str
        HTML.
    """
    command = "counterpoise endpoint create NAME --model MODEL"
    words = f"<p class=big>No endpoint yet.</p><p>Make one: <code>{command}</code></p>"
    return _page("", [], words, now)


def _page(name: str, names: Sequence[str], body: str, now: datetime) -> str:
    links = "".join(
        f'<a href="/?endpoint={quote(each)}"{" aria-current=page" if each == name else ""}>{escape(each)}</a>'
        for each in names
    )
    title = f"{escape(name)} · counterpoise" if name else "counterpoise"
    return (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<meta http-equiv=refresh content={SECONDS_FRESH}><title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><header><div><h1>counterpoise</h1><nav aria-label=Endpoints>{links}</nav></div></header><main>{body}"
        f"<footer>Seen {_at(now)} UTC. The same as JSON: <code>/endpoints/{escape(name or 'NAME')}/monitor</code>; in "
        f"the terminal: <code>counterpoise monitor {escape(name or 'NAME')}</code></footer></main></body></html>"
    )


# --- words and numbers ---------------------------------------------------------------------------------------


def _at(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _figure(figure: Figure | None, *, is_share: bool = True) -> str:
    if figure is None:
        return "–"
    write = say_share if is_share else (lambda value: "–" if value is None else f"{value:.4g}")
    if figure.value is None:
        return f"<small>{escape(figure.note)}</small>" if figure.note else "–"
    interval = (
        "" if figure.lower is None else f" <small>{write(figure.lower)} to {write(figure.upper)}</small>"
    )
    note = f"<br><small>{escape(figure.note)}</small>" if figure.note else ""
    return f"{write(figure.value)}{interval}{note}"


def _headline(report: Report, earlier: Sequence[Report]) -> str:
    raised = sorted((c for c in report.checks if c.fired), key=lambda c: c.needed - c.evidence)
    if not report.windows:
        words = report.notes[0] if report.notes else f"No answers yet{_until(earlier)}."
    elif not raised:
        words = "Nothing has changed that is more than chance."
    else:
        words = "; ".join(check.sentence for check in raised[:3])
        words = words[0].upper() + words[1:] + ("." if len(raised) <= 3 else f"; and {len(raised) - 3} more.")
    return (
        f"<h2>{escape(report.endpoint)} <small>version {report.version}</small></h2>"
        f'<span class="state {report.state.replace(" ", "-")}" role=status>{escape(report.state)}</span>'
        f"<p class=big>{escape(words)}</p>"
    )


def _until(earlier: Sequence[Report]) -> str:
    """Say what the version before answered, where one did."""
    if not earlier:
        return ""
    last, n_rows = earlier[0], sum(window.n_rows for window in earlier[0].windows)
    return f" from this version; version {last.version} answered {n_rows:,} rows until {_at(last.windows[-1].end)}"


def _tiles(report: Report) -> str:
    whole = report.whole
    if whole is None:
        return ""
    budget = "no budget was set" if whole.budget is None else f"of {whole.budget:g} allowed"
    a_day = "–" if whole.alerts_a_day is None else f"{whole.alerts_a_day:,.1f}"
    tiles = [
        ("rows answered", f"{whole.n_rows:,}", f"{whole.n_labelled:,} with a label"),
        ("called", f"{whole.n_alerts:,}", f"{say_share(whole.alert_rate.value)} of the rows"),
        ("alerts a day", a_day, budget),
        ("positives, estimated", say_share(whole.prevalence.value), _interval(whole.prevalence)),
        *[
            (
                f"{name}, {'realised' if known else 'foretold'}",
                say_share(figure.value),
                _interval(figure) or figure.note,
            )
            for name in ("precision", "recall")
            for known, figure in [_best(whole, name)]
        ],
    ]
    cards = "".join(
        f"<div class='card tile'><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(more)}</span></div>"
        for name, value, more in tiles
    )
    return f'<div class="grid tiles">{cards}</div>'


def _interval(figure: Figure) -> str:
    return (
        ""
        if figure.lower is None or figure.value is None
        else f"{say_share(figure.lower)} to {say_share(figure.upper)}"
    )


def _best(window: WindowReport, name: str) -> tuple[bool, Figure]:
    """Give what labels show where they show it, else what is foretold."""
    known = window.realised.get(name)
    if known is not None and known.value is not None:
        return True, known
    return False, window.expected.get(name, Figure())


# --- charts --------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 190, 46, 24, 10


def _charts(report: Report, earlier: Sequence[Report]) -> str:
    answered = sorted(
        ((window, each.version) for each in [report, *earlier] for window in each.windows),
        key=lambda one: one[0].start,
    )
    if not answered:
        return ""
    windows = [window for window, _ in answered]
    versions = [version for _, version in answered]
    training = report.training
    since = min((check.since for check in report.checks if check.fired and check.since), default=None)
    draw = partial(_chart, windows=windows, versions=versions)
    told = partial(draw, since=since)
    cards = [
        told(
            "Rows called",
            [[_point(w.alert_rate) for w in windows]],
            "share of each window's rows",
            trained=training.get("alert_rate"),
        ),
        told(
            "Positives, by the probabilities",
            [[_point(w.prevalence) for w in windows]],
            "estimated without labels",
            trained=training.get("prevalence"),
        ),
        *[
            told(
                name.capitalize(),
                [
                    [_point(w.expected.get(name)) for w in windows],
                    [_point(w.realised.get(name)) for w in windows],
                ],
                "foretold by the probabilities, and realised by labels",
                ("foretold", "realised"),
                trained=training.get(name),
            )
            for name in ("precision", "recall")
        ],
        told(
            "Distance of scores from training",
            [
                [(w.psi, None, None) for w in windows],
                [(w.psi_by_chance, None, None) for w in windows],
            ],
            "population stability index; training scored by other fits, so a level above chance means nothing alone",
            ("PSI", "by chance"),
            is_share=False,
        ),
        draw(
            "Traffic",
            [[(float(w.n_rows), None, None) for w in windows]],
            "rows a window",
            is_share=False,
        ),
    ]
    return f"<h2>Windows</h2><div class=grid>{''.join(cards)}</div>"


Point = tuple[float | None, float | None, float | None]


def _point(figure: Figure | None) -> Point:
    return (None, None, None) if figure is None else (figure.value, figure.lower, figure.upper)


def _chart(
    title: str,
    series: list[list[Point]],
    what: str,
    names: Sequence[str] = (),
    *,
    windows: Sequence[WindowReport],
    versions: Sequence[int | None],
    is_share: bool = True,
    trained: float | None = None,
    since: datetime | None = None,
) -> str:
    """Draw values of windows as lines, their intervals as bands; mark training's value, changes, and new versions."""
    values = [
        v for points in series for point in points for v in point[:1] if v is not None and np.isfinite(v)
    ]
    if not values:
        return f"<div class=card><h3>{escape(title)}</h3><p class=soft>Not known yet.</p></div>"
    ends = [v for points in series for point in points for v in point[1:] if v is not None]
    values += [] if trained is None else [trained]
    top = max(max(values) * 1.15, min(max(ends, default=0.0), max(values) * 3), 1e-9)
    top = min(top, 1.0) if is_share else top
    write = say_share if is_share else (lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}")
    x = np.linspace(_LEFT + 6, _WIDTH - 10, len(windows)) if len(windows) > 1 else np.array([_WIDTH / 2])

    def y(value: float | None) -> float:  # numpydoc ignore=PR01,RT01
        """Give the height of a value."""
        value = value or 0.0
        return _HEIGHT - _BOTTOM - min(value / top, 1.0) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="var(--line)"/>'
        f'<text x="{_LEFT - 5}" y="{y(v) + 4:.1f}" text-anchor="end">{write(v)}</text>'
        for v in (0.0, top / 2, top)
    ]
    if trained is not None:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(trained):.1f}" y2="{y(trained):.1f}" stroke="var(--soft)" '
            'stroke-dasharray="1 3" stroke-width="1.5"/>'
        )
    if (
        since is not None
        and (k := next((k for k, w in enumerate(windows) if w.start >= since), None)) is not None
    ):
        parts.append(
            f'<line x1="{x[k]:.1f}" x2="{x[k]:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="var(--bad)" '
            'stroke-dasharray="2 2"/>'
        )
    parts += [
        f'<line x1="{x[k]:.1f}" x2="{x[k]:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="var(--line)"/>'
        f'<text x="{x[k] + 3:.1f}" y="{_TOP + 9}">v{versions[k]}</text>'
        for k in range(1, len(windows))
        if versions[k] != versions[k - 1]
    ]
    colours = (("var(--a)", ""), ("var(--b)", ' stroke-dasharray="5 3"'))
    for points, (colour, dash) in zip(series, colours, strict=False):
        parts += [_band(points, x, y, colour), _line(points, x, y, colour, dash)]
    for place, k in (("start", 0), ("end", len(windows) - 1)):
        if k or place == "start":
            parts.append(
                f'<text x="{x[k]:.1f}" y="{_HEIGHT - 6}" text-anchor="{place}">{_at(windows[k].start)[5:]}</text>'
            )
    last = [write(points[-1][0]) if points[-1][0] is not None else "not known" for points in series]
    said = f"{title}: {what}. Last window: {', '.join(last)}."
    keys = "".join(
        f"<span class=key><i{' class=b' if k else ''}></i>{escape(name)}</span>"
        for k, name in enumerate(names)
    )
    dotted = "" if trained is None else f"<span class=key><i class=c></i>in training {write(trained)}</span>"
    return (
        f"<div class=card><h3>{escape(title)}</h3>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role=img aria-label="{escape(said, quote=True)}">{"".join(parts)}</svg>'
        f"<div>{keys}{dotted}</div><small>{escape(what)}</small></div>"
    )


def _runs(points: list[Point]) -> list[list[int]]:
    """Give stretches of windows that have a value."""
    runs: list[list[int]] = []
    for k, point in enumerate(points):
        if point[0] is None or not np.isfinite(point[0]):
            continue
        if runs and runs[-1][-1] == k - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs


def _line(
    points: list[Point], x: np.ndarray, y: Callable[[float | None], float], colour: str, dash: str
) -> str:
    out = []
    for run in _runs(points):
        ends = " ".join(f"{x[k]:.1f},{y(points[k][0]):.1f}" for k in run)
        out.append(f'<polyline points="{ends}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        if len(run) == 1:
            k = run[0]
            out.append(f'<circle cx="{x[k]:.1f}" cy="{y(points[k][0]):.1f}" r="3" fill="{colour}"/>')
    return "".join(out)


def _band(points: list[Point], x: np.ndarray, y: Callable[[float | None], float], colour: str) -> str:
    out = []
    for run in _runs(points):
        if any(points[k][1] is None or points[k][2] is None for k in run):
            continue
        upper = [f"{x[k]:.1f},{y(points[k][2]):.1f}" for k in run]
        lower = [f"{x[k]:.1f},{y(points[k][1]):.1f}" for k in reversed(run)]
        if len(run) == 1:
            upper = [
                f"{x[run[0]] - 3:.1f},{upper[0].split(',')[1]}",
                f"{x[run[0]] + 3:.1f},{upper[0].split(',')[1]}",
            ]
            lower = [
                f"{x[run[0]] + 3:.1f},{lower[0].split(',')[1]}",
                f"{x[run[0]] - 3:.1f},{lower[0].split(',')[1]}",
            ]
        out.append(f'<polygon points="{" ".join(upper + lower)}" fill="{colour}" opacity=".15"/>')
    return "".join(out)


# --- tables --------------------------------------------------------------------------------------------------


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    """Write a table; cells are HTML."""
    kind = [
        " class=n" if k in numbers else " class=long" if name in _LONG else "" for k, name in enumerate(heads)
    ]
    head = "".join(f"<th scope=col{kind[k]}>{escape(name)}</th>" for k, name in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{kind[k]}>{cell}</td>" for k, cell in enumerate(row)) + "</tr>" for row in rows
    )
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return (
        f"{heading}<div class='card scroll' tabindex=0 role=region aria-label='{escape(title or 'Table')}'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _checks(report: Report) -> str:
    if not report.checks:
        return ""
    ordered = sorted(report.checks, key=lambda check: check.needed - check.evidence)
    shown = [check for check in ordered if check.code != "feature"] + [
        check for check in ordered if check.code == "feature"
    ][:MOST_FEATURES]
    shown.sort(key=lambda check: check.needed - check.evidence)
    rows = [
        [
            escape(_TITLES.get(check.code, check.code) + (f" {check.subject}" if check.subject else "")),
            _bar(check),
            f"{check.evidence:.1f} of {check.needed:.1f}",
            escape(check.sentence) + (f"; since {_at(check.since)}" if check.fired else ""),
        ]
        for check in shown
    ]
    words = (
        "<p class=soft>Evidence is the logarithm of an e-value to the base 10, and may be looked at as often as you "
        "like: while nothing has changed, the chance that any alarm is ever raised is at most "
        f"{report.rules.alpha:.0%}. A feature may move {report.rules.shift:.0%} of its rows, "
        f"shares and outcomes may be off by a factor of "
        f"{report.rules.factor:g}, before it counts.</p>"
    )
    return _table("What is watched", ["", "", "evidence", "seen"], rows, (2,)).replace(
        "</h2>", f"</h2>{words}", 1
    )


def _bar(check: Check) -> str:
    share = float(np.clip(check.evidence / check.needed, 0.0, 1.0)) if check.needed > 0 else 0.0
    over = " class=over" if check.fired else ""
    return f'<div class=bar><i{over} style="width:{share:.0%}"></i></div>'


def _alarms(alarms: Sequence[Alarm]) -> str:
    if not alarms:
        return "<h2>Alarms</h2><p class=soft>None so far.</p>"
    rows = [
        [
            _at(alarm.at),
            str(alarm.version),
            escape(_TITLES.get(alarm.code, alarm.code) + (f" {alarm.subject}" if alarm.subject else "")),
            escape(alarm.sentence),
            _at(datetime.fromisoformat(alarm.details["since"])) if alarm.details.get("since") else "",
        ]
        for alarm in alarms[:20]
    ]
    return _table("Alarms", ["raised", "version", "what", "seen", "since"], rows)


def _versus(title: str, reports: Sequence[Report]) -> str:
    names = ["rows", "called", "positives, estimated", "precision, foretold", "recall, foretold"]
    names += ["precision, realised", "recall, realised", "state", "from", "until"]

    def cells(report: Report) -> list[str]:  # numpydoc ignore=PR01,RT01
        """Give a version's column."""
        whole = report.whole
        ends = [_at(each) for window in report.windows[:1] for each in (window.start, report.windows[-1].end)]
        if whole is None:
            return ["–"] * 7 + [report.state, *(ends or ["–", "–"])]
        return [
            f"{whole.n_rows:,}",
            _figure(whole.alert_rate),
            _figure(whole.prevalence),
            *[_figure(whole.expected.get(name)) for name in ("precision", "recall")],
            *[_figure(whole.realised.get(name)) for name in ("precision", "recall")],
            report.state,
            *ends,
        ]

    columns = [cells(report) for report in reports]
    rows = [[escape(name), *[column[k] for column in columns]] for k, name in enumerate(names)]
    heads = ["", *[f"{report.variant}, version {report.version}" for report in reports]]
    return _table(title, heads, rows)


def _features(report: Report) -> str:
    if not report.features:
        return ""
    rows = [
        [
            escape(each.name),
            f"{each.psi:.3f}",
            f"{each.psi_by_chance:.3f}",
            f"{each.ks:.3f}",
            f"{say_share(each.missing_in_training)} → {say_share(each.missing)}",
            escape(each.largest),
        ]
        for each in report.features[:MOST_FEATURES]
    ]
    left = len(report.features) - len(rows)
    more = f"<p class=soft>{left} more are nearer to training.</p>" if left > 0 else ""
    heads = ["feature", "PSI", "by chance", "KS", "missing", "moved most"]
    return _table("Features, last windows against training", heads, rows, (1, 2, 3, 4)) + more


def _windows(report: Report) -> str:
    rows = [
        [
            _at(each.start),
            f"{each.n_rows:,}",
            f"{each.n_alerts:,}",
            _figure(each.prevalence),
            _figure(each.expected.get("precision")),
            _figure(each.realised.get("precision")),
            _figure(each.realised.get("recall")),
            f"{each.n_labelled:,}",
            _figure(each.realised.get("calibration"), is_share=False),
        ]
        for each in reversed(report.windows[-31:])
    ]
    heads = ["from", "rows", "called", "positives, estimated", "precision, foretold", "precision, realised"]
    heads += ["recall, realised", "labels", "observed / expected"]
    if not rows:
        return ""
    return (
        f"<details><summary>Last windows in numbers</summary>{_table('', heads, rows, (1, 2, 7))}</details>"
    )


def _notes(report: Report) -> str:
    return "".join(f"<p class=soft>{escape(note)}</p>" for note in report.notes)
