"""The monitor, fed from the store: looks at every endpoint, keeps its alarms, and tells a hook of them.

A version is watched from its first answer on: another line, base rate or model is another version, and begins anew.
What the champions before it answered is shown beside it, so that a change never looks like silence.
What was summed of a window is kept as long as neither rows nor labels are added to it, so a look reads little.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, cast

import numpy as np
import polars as pl
from sqlalchemy import Connection, func, insert, select, update

from counterpoise.bundle import Histogram, Model
from counterpoise.errors import OptionError
from counterpoise.monitor import (
    UNKNOWN,
    Alarm,
    Reference,
    Report,
    Rules,
    Summary,
    Window,
    cut,
    features_of,
    look,
    parse_every,
    reference_from,
    reference_of_class,
    summarise,
)
from counterpoise.serve import bins, deployments, ledger
from counterpoise.serve import tables as t
from counterpoise.serve.clock import as_datetime, now
from counterpoise.serve.deployments import Endpoint
from counterpoise.serve.log import say
from counterpoise.serve.models import moved, unpacked_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store

__all__ = ["Seen", "Watch", "WatchSettings", "reference_of"]

MOST_ALARMS = 50
"""Alarms of one answer, the last ones."""

MOST_EARLIER = 4
"""Champions before the one that answers, of which figures are shown."""

HOOK_SECONDS = 5.0
"""How long a hook may take."""

NOT_WATCHED = (
    "A model of several classes is watched against the rows that judged it, and its bundle holds none."
)

WHOLE_ROWS = 500_000
"""Rows up to which figures of all windows together are worked out."""

FRESH_SECONDS = 2.0
"""What was seen is shown again for so long at least."""

PATIENCE = 20.0
"""After a look that took long, the next waits this many times as long."""


@dataclass(frozen=True)
class WatchSettings:
    """How endpoints are watched.

    Attributes
    ----------
    every : str, default="1d"
        How long a window is: ``1h``, ``1d``, ``7d``, or a number of rows.
    rules : Rules
        What is tolerated, and how sure an alarm must be.
    hook : str or None
        An address that every alarm is posted to, as JSON.
    seconds : float, default=60
        Between two looks.

    Raises
    ------
    OptionError
        If the windows or the hook cannot be used.
    """

    every: str = "1d"
    rules: Rules = field(default_factory=Rules)
    hook: str | None = None
    seconds: float = 60.0

    def __post_init__(self) -> None:
        """Check what can be checked before anything happens."""
        parse_every(self.every)
        if self.hook is not None and not self.hook.startswith(("http://", "https://")):
            raise OptionError(
                f"The hook {self.hook!r} was given.",
                expected="Expected an address that begins with http:// or https://.",
                why="Alarms are posted to it.",
                hint="For example --hook https://chat.example/hooks/fraud",
            )


@dataclass(frozen=True)
class Seen:
    """What was seen of an endpoint.

    Attributes
    ----------
    name : str
        The endpoint.
    reports : list of Report
        The champion's, then the challenger's.
    alarms : list of Alarm
        The last ones, newest first.
    earlier : list of Report
        Of the champions before, newest first.
    """

    name: str
    reports: list[Report]
    alarms: list[Alarm]
    earlier: list[Report] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain JSON values.

        Returns
        -------
        dict
            ``name``, ``reports``, ``alarms``, ``earlier``.
        """
        return {
            "name": self.name,
            "reports": [each.model_dump(mode="json") for each in self.reports],
            "alarms": [each.model_dump(mode="json") for each in self.alarms],
            "earlier": [each.model_dump(mode="json") for each in self.earlier],
        }


@dataclass
class _Followed:
    """What is remembered of a version between two looks: of several classes, each against all others too."""

    model: Model
    parts: dict[str, _Part]
    read_to: int = 0
    ids: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    at: np.ndarray = field(default_factory=lambda: np.empty(0))
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    sums: dict[int, tuple[tuple[int, int, int], dict[str, Summary]]] = field(default_factory=dict)
    whole: tuple[tuple[int, int], Any] | None = None

    def summary(self, window: _Answered, rules: Rules) -> dict[str, Summary]:
        """Sum a window up, for each class."""
        return {
            name: summarise(window.of(self.model, part), part.reference, rules)
            for name, part in self.parts.items()
        }


@dataclass(frozen=True)
class _Part:
    """What is watched of a version: the positives, or some of several classes against all others."""

    reference: Reference
    classes: tuple[int, ...] = (1,)

    def among(self, labels: np.ndarray) -> np.ndarray:
        """Say which labels are of the part's classes."""
        return np.isin(labels, self.classes)


@dataclass(frozen=True)
class _Answered:
    """Answered rows with their truth, as positions of labels."""

    at: np.ndarray
    probability: np.ndarray
    alert: np.ndarray
    truth: np.ndarray
    bins: np.ndarray

    def of(self, model: Model, part: _Part) -> Window:
        """Give the rows as a part sees them."""
        truth = np.where(self.truth == UNKNOWN, UNKNOWN, part.among(self.truth)).astype(np.int8)
        if self.probability.ndim == 1:
            return Window(self.at, self.probability, self.alert, truth, self.bins)
        p = self.probability[:, part.classes].sum(axis=1)
        return Window(self.at, p, part.among(model.choose(self.probability)), truth, self.bins)


class Watch:
    """Looks at endpoints.

    Parameters
    ----------
    store : Store
        Where their predictions and labels are.
    settings : WatchSettings, optional
        How.
    """

    def __init__(self, store: Store, settings: WatchSettings | None = None) -> None:
        self.store, self.settings = store, settings or WatchSettings()
        self._followed: dict[tuple[int, int], _Followed] = {}
        self._last: dict[str, tuple[Seen, float]] = {}
        self._one_at_a_time = threading.Lock()

    def look_at(self, name: str) -> Seen:
        """Look at one endpoint; new alarms are kept, and told to the hook.

        Parameters
        ----------
        name : str
            The endpoint.

        Returns
        -------
        Seen
            Reports and alarms.

        Raises
        ------
        Refused
            404, if there is none of that name.
        """
        with self._one_at_a_time:
            with self.store.reading() as connection:
                endpoint = deployments.endpoint(connection, name)
                reports = self._reports(connection, endpoint)
                earlier = self._earlier(connection, endpoint)
            self._keep(endpoint, reports)
            self._deliver(endpoint)
            with self.store.reading() as connection:
                return Seen(name, reports, _alarms(connection, endpoint.id), earlier)

    def seen(self, name: str) -> Seen:
        """Give what was seen a moment ago, or look: however many ask, little is read.

        Parameters
        ----------
        name : str
            The endpoint.

        Returns
        -------
        Seen
            At most a few seconds old, or as old as a look takes.

        Raises
        ------
        Refused
            404, if there is none of that name.
        """
        with self.store.reading() as connection:
            deployments.endpoint(connection, name)
        last, until = self._last.get(name, (None, 0.0))
        if last is not None and time.monotonic() < until:
            return last
        begun = time.monotonic()
        found = self.look_at(name)
        ended = time.monotonic()
        self._last[name] = (found, ended + max(FRESH_SECONDS, ended - begun))
        return found

    def look_at_all(self) -> float:
        """Look at every endpoint.

        Returns
        -------
        float
            Seconds to wait before the next look.
        """
        begun = time.monotonic()
        with self.store.reading() as connection:
            live = deployments.endpoints(connection)
        for each in live:
            self._look_or_say(each.name)
        alive = {each.id for each in live}
        with self._one_at_a_time:
            self._followed = {key: known for key, known in self._followed.items() if key[0] in alive}
        return max(self.settings.seconds, PATIENCE * (time.monotonic() - begun))

    def _look_or_say(self, name: str) -> None:
        """Look at an endpoint; what goes wrong with one is said, and the others are looked at."""
        try:
            self.look_at(name)
        except Refused:
            return  # it was deleted meanwhile
        except Exception as error:  # noqa: BLE001 - an endpoint that cannot be read must not end the watch of all
            say("watch failed", level="error", endpoint=name, error=f"{type(error).__name__}: {error}")

    # --- reading -----------------------------------------------------------------------------------------------

    def _reports(self, connection: Connection, endpoint: Endpoint) -> list[Report]:
        chosen = endpoint.deployment
        parts = [("champion", chosen.champion), ("challenger", chosen.challenger)]
        return [
            self._report(connection, endpoint, number, variant)
            for variant, number in parts
            if number is not None
        ]

    def _earlier(self, connection: Connection, endpoint: Endpoint) -> list[Report]:
        """Look at the champions before; a line that was moved and moved again is passed over where none asked it."""
        chosen = endpoint.deployment
        changes = deployments.events(connection, endpoint.id)
        champions = [event.after.champion for event in reversed(changes) if event.after is not None]
        before = [
            each for each in dict.fromkeys(champions) if each not in (chosen.champion, chosen.challenger)
        ]
        looked = (self._report(connection, endpoint, number, "earlier") for number in before)
        return list(islice((report for report in looked if report.windows), MOST_EARLIER))

    def _report(self, connection: Connection, endpoint: Endpoint, number: int, variant: str) -> Report:
        named: dict[str, Any] = {"endpoint": endpoint.name, "version": number, "variant": variant}
        followed = self._follow(connection, endpoint.id, number)
        if not followed.parts:
            return Report(notes=[NOT_WATCHED], **named)
        rules, mark = self.settings.rules, _label_mark(connection, endpoint.id)
        windows = self._stale(connection, endpoint.id, number, followed, mark)
        for key, (signature, window) in windows.items():
            followed.sums[key] = (signature, followed.summary(window, rules))
        sums = [followed.sums[key][1] for key in sorted(followed.sums)]
        whole = self._whole(connection, endpoint.id, number, followed, mark)
        by_class = {
            name: ([each[name] for each in sums], part.reference) for name, part in followed.parts.items()
        }
        first = by_class.pop("")
        return look(*first, rules, whole=whole, classes=by_class, **named)

    def _follow(self, connection: Connection, endpoint_id: int, number: int) -> _Followed:
        """Read what came since the last look."""
        key = (endpoint_id, number)
        if key not in self._followed:
            version = deployments.version(connection, endpoint_id, number)
            model = moved(unpacked_bundle(deployments.bundle(connection, version.bundle)), version.moves)
            self._followed[key] = _Followed(replace(model, learner=None, evidence=None), _parts(model))
        followed, p = self._followed[key], t.predictions.c
        found = select(p.id, p.at, p.n_rows).where(
            p.endpoint_id == endpoint_id, p.version == number, p.id > followed.read_to
        )
        followed.read_to = int(connection.scalar(select(func.max(p.id))) or 0)
        news = np.array([tuple(row) for row in connection.execute(found.order_by(p.id))], dtype=np.int64)
        if len(news):
            followed.ids = np.append(followed.ids, news[:, 0])
            followed.at = np.maximum.accumulate(np.append(followed.at, news[:, 1] / 1e6))
            followed.rows = np.append(followed.rows, news[:, 2])
        return followed

    def _stale(
        self, connection: Connection, endpoint_id: int, number: int, followed: _Followed, mark: int
    ) -> dict[int, tuple[tuple[int, int, int], _Answered]]:
        """Read the windows to which rows or labels were added."""
        truths: pl.DataFrame | None = None
        found = {}
        for part in cut(followed.at, self.settings.every, followed.rows):
            key = int(followed.ids[part.start])
            signature = (int(followed.ids[part.stop - 1]), part.stop - part.start, mark)
            known = followed.sums.get(key)
            if known is not None and known[0] == signature:
                continue
            if truths is None:
                truths = ledger.truths(connection, endpoint_id)
            window = self._window(connection, endpoint_id, number, followed, part, truths)
            if window is not None:
                found[key] = (signature, window)
            elif known is not None:
                followed.sums[key] = (signature, known[1])
        return found

    def _window(
        self,
        connection: Connection,
        endpoint_id: int,
        number: int,
        followed: _Followed,
        part: slice,
        truths: pl.DataFrame,
    ) -> _Answered | None:
        read = ledger.requests(
            connection,
            endpoint_id,
            after=int(followed.ids[part.start]) - 1,
            version=number,
            limit=part.stop - part.start,
        )
        read = read.filter(pl.col("id") <= int(followed.ids[part.stop - 1]))
        if int(read["n_rows"].sum()) < int(followed.rows[part].sum()):
            return None  # the retention has taken some; what was summed of them stays
        made = ledger.predictions(read).join(truths, on="prediction", how="left", maintain_order="left")
        return _Answered(
            at=made["at"].dt.epoch("us").to_numpy() / 1e6,
            probability=made["probability"].to_numpy(),
            alert=made["alert"].to_numpy(),
            truth=made["truth"].fill_null(UNKNOWN).to_numpy(),
            bins=bins.counts(read["bins"], len(followed.model.schema.features)),
        )

    def _whole(
        self, connection: Connection, endpoint_id: int, number: int, followed: _Followed, mark: int
    ) -> Any:
        """Give figures of all windows together, where they are few enough."""
        total = int(followed.rows.sum())
        signature = (int(followed.ids[-1]) if len(followed.ids) else 0, mark)
        if not 0 < total <= WHOLE_ROWS:
            return None
        if followed.whole is None or followed.whole[0] != signature:
            truths = ledger.truths(connection, endpoint_id)
            everything = slice(0, len(followed.ids))
            window = self._window(connection, endpoint_id, number, followed, everything, truths)
            if window is None:
                return None
            part = followed.parts[""]
            report = summarise(window.of(followed.model, part), part.reference, self.settings.rules).report
            followed.whole = (signature, report)
        return followed.whole[1]

    # --- alarms ------------------------------------------------------------------------------------------------

    def _keep(self, endpoint: Endpoint, reports: list[Report]) -> None:
        """Write alarms that this version has not raised before."""
        raised = [(report.version, check) for report in reports for check in report.checks if check.fired]
        if not raised:
            return
        with self.store.writing() as connection:
            for version, check in raised:
                if _is_known(connection, endpoint.id, version, check.code, check.subject):
                    continue
                details = {
                    "evidence": round(check.evidence, 3),
                    "needed": round(check.needed, 3),
                    "since": None if check.since is None else check.since.isoformat(),
                }
                row = {
                    "endpoint_id": endpoint.id,
                    "version": version,
                    "at": now(),
                    "kind": check.code,
                    "subject": check.subject,
                    "message": check.sentence,
                    "details": json.dumps(details),
                    "delivered": False,
                }
                connection.execute(insert(t.alarms).values(row))
                say(
                    "alarm",
                    level="warning",
                    endpoint=endpoint.name,
                    version=version,
                    kind=check.code,
                    subject=check.subject,
                    evidence=details["evidence"],
                )

    def _deliver(self, endpoint: Endpoint) -> None:
        """Post what the hook has not taken yet; what it does not take now is tried again at the next look."""
        if self.settings.hook is None:
            return
        c = t.alarms.c
        with self.store.reading() as connection:
            waiting = (
                select(t.alarms).where(c.endpoint_id == endpoint.id, c.delivered.is_(False)).order_by(c.id)
            )
            rows = [dict(row._mapping) for row in connection.execute(waiting)]
        for row in rows:
            if not _posted(self.settings.hook, _as_message(endpoint.name, row)):
                return
            with self.store.writing() as connection:
                connection.execute(update(t.alarms).where(c.id == row["id"]).values(delivered=True))


# --- steps ---------------------------------------------------------------------------------------------------


def _parts(model: Model) -> dict[str, _Part]:
    """Say what is watched of a model: under "" its positives; of several classes all but the commonest, and each."""
    if len(model.labels) == 2:
        return {"": _Part(reference_of(model))}
    columns = ["outcome", *(f"probability_{label}" for label in model.labels)]
    if model.evidence is None or model.evidence.is_empty() or not set(columns) <= set(model.evidence.columns):
        return {}
    counts = np.bincount(model.evidence["outcome"].to_numpy(), minlength=len(model.labels))
    rare = [k for k in range(len(model.labels)) if k != int(counts.argmax())]
    groups = {"": tuple(rare), **{str(model.labels[k]): (k,) for k in rare}}
    return {name: _part_of(model, classes, has_features=not name) for name, classes in groups.items()}


def _part_of(model: Model, classes: tuple[int, ...], *, has_features: bool) -> _Part:
    """Take from the evidence of several classes what it says of some of them."""
    known = cast(pl.DataFrame, model.evidence)
    proba = known.select(f"probability_{label}" for label in model.labels).to_numpy()
    chosen, y = (np.isin(each, classes) for each in (model.choose(proba), known["outcome"].to_numpy()))
    weight = known["weight"].to_numpy() if "weight" in known.columns else None
    p = proba[:, classes].sum(axis=1)
    reference = reference_of_class(
        p,
        y,
        chosen,
        Histogram.of_scores(p, 0.5, weight).model_dump(),
        weight,
        goal=str(model.operating_point.goal),
        features=features_of(model.schema.model_dump()) if has_features else {},
    )
    return _Part(reference, classes)


def reference_of(model: Model) -> Reference:
    """Take from a model what the monitor needs of it.

    Parameters
    ----------
    model : Model
        Of two classes.

    Returns
    -------
    Reference
        What it said of itself when it was trained.
    """
    names = ("probability", "outcome", "weight")
    known = (
        {}
        if model.evidence is None
        else {n: model.evidence[n].to_numpy() for n in names if n in model.evidence}
    )
    point = model.operating_point.to_dict()
    return reference_from(model.schema.model_dump(), point, model.base_rate, known)


def _label_mark(connection: Connection, endpoint_id: int) -> int:
    """Give the number of the last label: as long as it stays, labels are as they were."""
    return int(
        connection.scalar(select(func.max(t.labels.c.id)).where(t.labels.c.endpoint_id == endpoint_id)) or 0
    )


def _is_known(connection: Connection, endpoint_id: int, version: int | None, code: str, subject: str) -> bool:
    c = t.alarms.c
    found = select(c.id).where(
        c.endpoint_id == endpoint_id, c.version == version, c.kind == code, c.subject == subject
    )
    return connection.execute(found.limit(1)).first() is not None


def _alarms(connection: Connection, endpoint_id: int) -> list[Alarm]:
    c = t.alarms.c
    found = select(t.alarms).where(c.endpoint_id == endpoint_id).order_by(c.id.desc()).limit(MOST_ALARMS)
    return [
        Alarm(
            at=as_datetime(row.at),
            version=row.version,
            code=row.kind,
            subject=row.subject,
            sentence=row.message,
            details=json.loads(row.details),
            delivered=bool(row.delivered),
        )
        for row in connection.execute(found)
    ]


def _as_message(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Say an alarm to a hook: ``text`` is what chat programs show."""
    return {
        "text": f"{name}: {row['message']}",
        "endpoint": name,
        "version": row["version"],
        "kind": row["kind"],
        "subject": row["subject"],
        "message": row["message"],
        "at": as_datetime(row["at"]).isoformat(),
        "details": json.loads(row["details"]),
    }


def _posted(hook: str, message: Mapping[str, Any]) -> bool:
    body = json.dumps(message).encode()
    asked = urllib.request.Request(hook, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=HOOK_SECONDS):
            return True
    except (OSError, urllib.error.URLError) as error:
        say("hook failed", level="error", error=type(error).__name__)
        return False
