"""The watch on a store: what it reads, what it raises, whom it tells, and the page that shows it."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import polars as pl
import pytest

pytest.importorskip("fastapi")

from rich.console import Console

import counterpoise as cp
from browser import Browser, find
from counterpoise.bundle import Model, Schema
from counterpoise.cli.monitor import action, say
from counterpoise.decide import ThresholdCurve
from counterpoise.errors import InputError, OptionError
from counterpoise.learn import LogisticClassifier
from counterpoise.monitor import Rules
from counterpoise.serve import (
    Change,
    Store,
    Watch,
    WatchSettings,
    changes,
    create,
    delete,
    deployments,
    ledger,
)
from counterpoise.serve.bins import packed
from counterpoise.serve.clock import now
from counterpoise.serve.models import packed_bundle
from counterpoise.serve.page import render, render_empty
from serving import in_thread, model, payments, postgres

DAY = 86_400_000_000
ROWS = 400
"""Rows of a day."""


@pytest.fixture(scope="module")
def fraud():
    return model()


@pytest.fixture
def store(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def deployed(store, fraud, tmp_path, name="fraud"):
    sha256, content = packed_bundle(fraud.save(tmp_path / f"{name}.model"))
    changes.keep(store, sha256, content)
    create(store, name, sha256, source="test", actor="local")
    with store.reading() as connection:
        return deployments.endpoint(connection, name).id


def answer(store, fraud, endpoint, days, *, frame=None, version=1, first=0, requests=4, variant="champion"):
    """Answer some days of payments; gives the truth by the prediction's id."""
    truth = {}
    begun = now() - 40 * DAY
    for day in range(first, first + days):
        rows = payments(ROWS, seed=1000 + day) if frame is None else frame(payments(ROWS, seed=1000 + day))
        table = fraud.schema.conform(rows)
        p, codes = fraud.predict_proba(table)[:, 1], fraud.schema.bins(table)
        answers = []
        for k, part in enumerate(np.array_split(np.arange(ROWS), requests)):
            uid = f"v{version}d{day}r{k}"
            at = begun + day * DAY + k * DAY // requests
            answers.append(
                ledger.Answer(
                    uid, endpoint, version, variant, at, fraud.threshold, p[part], None, packed(codes[part])
                )
            )
            truth |= {f"{uid}-{i}": int(y) for i, y in enumerate(rows["fraud"].to_numpy()[part])}
        with store.writing() as connection:
            ledger.record(connection, answers)
    return truth


def tell(store, endpoint, truth):
    with store.writing() as connection:
        ledger.add_labels(connection, endpoint, [ledger.Label(name, y) for name, y in truth.items()])


def test_a_quiet_endpoint_stays_quiet_and_its_figures_are_those_of_its_rows(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    truth = answer(store, fraud, endpoint, 10)
    watch = Watch(store)
    seen = watch.look_at("fraud")
    report = seen.reports[0]
    assert (report.state, seen.alarms) == ("quiet", [])
    assert sum(window.n_rows for window in report.windows) == 10 * ROWS
    assert report.whole.n_rows == 10 * ROWS
    assert report.whole.realised == {}
    tell(store, endpoint, truth)
    report = watch.look_at("fraud").reports[0]
    assert report.state == "quiet"
    assert report.whole.n_labelled == 10 * ROWS
    assert report.whole.n_positive == sum(truth.values())
    rows = pl.concat([payments(ROWS, seed=1000 + day) for day in range(10)])
    called, positive = fraud.predict(rows) == 1, rows["fraud"].to_numpy() == 1
    assert report.whole.realised["precision"].value == pytest.approx(positive[called].mean())
    assert report.whole.realised["recall"].value == pytest.approx(called[positive].mean())
    assert {each.name for each in report.features} == {"amount", "channel", "is_new", "hour"}


def broken(rows):
    return rows.with_columns(channel=pl.lit("web"))


def test_a_broken_feature_raises_one_alarm_with_its_day_and_the_hook_hears_of_it_once(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    answer(store, fraud, endpoint, 8)
    with hook() as heard:
        watch = Watch(store, WatchSettings(hook=heard.url))
        assert watch.look_at("fraud").alarms == []
        answer(store, fraud, endpoint, 3, frame=broken, first=8)
        heard.is_deaf = True
        first = watch.look_at("fraud")
        assert not any(alarm.delivered for alarm in first.alarms)
        heard.is_deaf = False
        seen = watch.look_at("fraud")
        watch.look_at("fraud")
        assert Watch(store, WatchSettings(hook=heard.url)).look_at("fraud").alarms == seen.alarms
    alarm = next(each for each in seen.alarms if each.code == "feature")
    assert alarm.subject == "channel"
    assert "web" in alarm.sentence
    assert alarm.delivered
    since = datetime.fromisoformat(alarm.details["since"]).timestamp() * 1e6
    assert abs(since - (now() - 32 * DAY)) < 1.5 * DAY
    told = [each for each in heard.messages if each["kind"] == "feature"]
    assert len(told) == 1
    assert told[0]["text"].startswith("fraud: ")
    assert {"endpoint", "version", "message", "at", "details"} <= set(told[0])


def test_a_new_version_is_shown_beside_those_before_it(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    truth = answer(store, fraud, endpoint, 3)
    for line in (0.3, 0.4):  # version 2 answers nothing
        changes.update(store, "fraud", Change(line=line), actor="test")
    watch = Watch(store)
    seen = watch.look_at("fraud")
    assert [(each.version, len(each.windows)) for each in seen.reports] == [(3, 0)]
    assert [each.version for each in seen.earlier] == [1]
    page = render(seen, ["fraud"], datetime.now().astimezone())
    assert f"No answers yet from this version; version 1 answered {3 * ROWS:,} rows until" in page
    assert "<h2>Versions</h2>" in page
    assert "rows a window" in page

    answer(store, fraud, endpoint, 2, version=3, first=3)
    tell(store, endpoint, truth)
    seen = watch.look_at("fraud")
    assert seen.earlier[0].whole.n_labelled == 3 * ROWS
    assert [sum(w.n_rows for w in each.windows) for each in (*seen.reports, *seen.earlier)] == [
        2 * ROWS,
        3 * ROWS,
    ]
    assert ">v3<" in render(seen, ["fraud"], datetime.now().astimezone())
    assert seen.to_dict()["earlier"][0]["version"] == 1
    out = io.StringIO()
    for part in say(seen):
        Console(file=out, width=200, markup=False).print(part)
    assert "version 1" in out.getvalue()
    assert f"{3 * ROWS} rows" in out.getvalue()

    changes.update(store, "fraud", Change(roll_back=True), actor="test")
    changes.update(store, "fraud", Change(roll_back=True), actor="test")
    seen = watch.look_at("fraud")
    assert [(each.version, each.whole.n_rows) for each in seen.reports] == [(1, 3 * ROWS)]
    assert [each.version for each in seen.earlier] == [3]


def three_kinds(n, seed, shift=0.0):
    """Rows of three classes; the rarer two lie to the right, with the shift further so."""
    draw = np.random.default_rng(seed)
    kind = draw.choice(["fine", "late", "lost"], n, p=[0.9, 0.08, 0.02])
    x = draw.normal(size=n) + np.where(kind == "late", 2.0 + shift, 0.0)
    z = draw.normal(size=n) + np.where(kind == "lost", 3.0, 0.0)
    return pl.DataFrame({"x": x, "z": z, "kind": kind})


@pytest.fixture(scope="module")
def sorter():
    """A model of three classes with the rows that judged it."""
    table = cp.read(three_kinds(6000, 0), target="kind")
    learner = LogisticClassifier().fit(table.X, table.y)
    judged = cp.read(three_kinds(6000, 1), target="kind")
    proba = learner.predict_proba(judged.X)
    evidence = pl.DataFrame(
        {"outcome": judged.y, **{f"probability_{c}": proba[:, k] for k, c in enumerate(table.labels)}}
    )
    point = ThresholdCurve.from_scores(judged.y > 0, 1 - proba[:, 0]).best("f1")
    return Model(learner, table.labels, Schema.of(table), point, base_rate=0.1, evidence=evidence)


def sort(store, sorter, endpoint, days, first=0, seeds=500, relabel=None):
    """Answer some days of rows, and bring their truth."""
    for day in range(first, first + days):
        rows = three_kinds(ROWS, seeds + day)
        table = sorter.schema.conform(rows)
        answered = ledger.Answer(
            f"d{day}", endpoint, 1, "champion", now() - (40 - day) * DAY, None, sorter.predict_proba(table), None,
            packed(sorter.schema.bins(table)),
        )  # fmt: skip
        truth = (relabel or (lambda kinds: kinds))(rows["kind"]).to_list()
        with store.writing() as connection:
            ledger.record(connection, [answered])
        tell(store, endpoint, {f"d{day}-{k}": sorter.labels.index(kind) for k, kind in enumerate(truth)})


def test_several_classes_are_watched_each_against_the_others(store, sorter, tmp_path):
    endpoint = deployed(store, sorter, tmp_path)
    sort(store, sorter, endpoint, 12)
    watch = Watch(store)
    report = watch.look_at("fraud").reports[0]
    assert report.state == "quiet"
    watched = {(check.code, check.subject) for check in report.checks}
    for code in ("alerts", "prevalence", "precision", "missed", "recall"):
        assert {subject for known, subject in watched if known == code} == {"", "late", "lost"}
    assert {subject for code, subject in watched if code == "feature"} == {"x", "z"}
    assert report.whole.n_rows == report.whole.n_labelled == 12 * ROWS
    rows = pl.concat([three_kinds(ROWS, 500 + day) for day in range(12)])
    chosen, kind = sorter.predict(rows) != "fine", rows["kind"].to_numpy() != "fine"
    assert report.whole.n_alerts == chosen.sum()
    assert report.whole.realised["precision"].value == pytest.approx(kind[chosen].mean())
    assert report.whole.realised["recall"].value == pytest.approx(chosen[kind].mean())

    sort(store, sorter, endpoint, 8, first=12, relabel=lambda kinds: kinds.replace({"lost": "late"}))
    fired = {(c.code, c.subject) for c in watch.look_at("fraud").reports[0].checks if c.fired}
    assert ("precision", "lost") in fired
    assert "feature" not in {code for code, _ in fired}
    page = render(watch.look_at("fraud"), ["fraud"], datetime.now().astimezone())
    assert "&#x27;lost&#x27;: " in page


def test_several_classes_without_their_evidence_say_why_they_are_not_watched(store, sorter, tmp_path):
    deployed(store, replace(sorter, evidence=None), tmp_path)
    report = Watch(store).look_at("fraud").reports[0]
    assert report.state == "no traffic"
    assert "its bundle holds none" in report.notes[0]


def test_labels_that_show_missed_positives_raise_an_alarm(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    truth = answer(store, fraud, endpoint, 12)
    watch = Watch(store)
    late = {name for name in truth if int(re.search(r"d(\d+)r", name).group(1)) >= 6}
    rng = np.random.default_rng(0)
    tell(
        store, endpoint, {name: int(y or (name in late and rng.random() < 0.1)) for name, y in truth.items()}
    )
    codes = {check.code for check in watch.look_at("fraud").reports[0].checks if check.fired}
    assert "missed" in codes
    assert "feature" not in codes


def test_labels_in_any_order_and_windows_seen_before_or_not_give_the_same(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    truth = answer(store, fraud, endpoint, 5)
    followed = Watch(store)
    followed.look_at("fraud")
    names = list(truth)
    for part in (names[1000:], names[:300], names[300:1000]):
        tell(store, endpoint, {name: truth[name] for name in part})
        followed.look_at("fraud")
    truth |= answer(store, fraud, endpoint, 2, first=5)
    assert followed.look_at("fraud").reports == Watch(store).look_at("fraud").reports


def test_a_challenger_in_shadow_is_watched_beside_the_champion(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    other = model(seed=3)
    sha256, content = packed_bundle(other.save(tmp_path / "other"))
    changes.keep(store, sha256, content)
    changes.update(store, "fraud", Change(bundle=sha256, share=0.0), actor="local")
    answer(store, fraud, endpoint, 3)
    answer(store, other, endpoint, 3, version=2, variant="shadow")
    seen = Watch(store).look_at("fraud")
    assert [(r.variant, r.version, r.whole.n_rows) for r in seen.reports] == [
        ("champion", 1, 3 * ROWS),
        ("challenger", 2, 3 * ROWS),
    ]
    assert "Champion against challenger" in render(seen, ["fraud"], seen.reports[0].windows[0].start)


def test_what_the_retention_took_stays_in_sums_that_were_seen(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    answer(store, fraud, endpoint, 4)
    watch = Watch(store)
    before = watch.look_at("fraud").reports[0].windows
    with store.writing() as connection:
        ledger.forget(connection, now() - 38 * DAY)
    assert watch.look_at("fraud").reports[0].windows == before
    assert Watch(store).look_at("fraud").reports[0].state == "quiet"


def test_it_is_the_same_on_postgresql(store, fraud, tmp_path):
    with postgres(tmp_path) as url:
        other = Store(url)
        found = []
        for each in (store, other):
            endpoint = deployed(each, fraud, tmp_path)
            tell(each, endpoint, answer(each, fraud, endpoint, 4))
            answer(each, fraud, endpoint, 4, frame=broken, first=4)
            seen = Watch(each).look_at("fraud")
            found.append(([check.code for check in seen.reports[0].checks if check.fired], len(seen.alarms)))
        other.close()
    assert found[0] == found[1]
    assert found[0][1] >= 1


def test_windows_of_rows_and_wrong_settings(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    answer(store, fraud, endpoint, 2)
    windows = Watch(store, WatchSettings(every="500 rows")).look_at("fraud").reports[0].windows
    assert sum(window.n_rows for window in windows) == 2 * ROWS
    for options in (
        {"every": "soon"},
        {"every": "1.5"},
        {"every": "-1d"},
        {"every": "0"},
        {"hook": "ftp://x"},
    ):
        with pytest.raises(OptionError):
            WatchSettings(**options)


def test_an_endpoint_without_answers_has_a_report_and_an_unknown_one_none(store, fraud, tmp_path):
    deployed(store, fraud, tmp_path)
    seen = Watch(store).look_at("fraud")
    assert seen.reports[0].state == "no traffic"
    with pytest.raises(InputError, match="fraud"):
        Watch(store).look_at("frau")
    assert "No answers yet" in render(seen, ["fraud"], datetime.now().astimezone())


# --- the terminal --------------------------------------------------------------------------------------------


def test_the_terminal_says_figures_checks_and_alarms(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    truth = answer(store, fraud, endpoint, 6)
    tell(store, endpoint, truth)
    answer(store, fraud, endpoint, 4, frame=broken, first=6)
    seen = action("fraud", store=f"sqlite:///{tmp_path}/store.db")
    console = Console(width=100, markup=False, record=True, file=io.StringIO())
    for part in say(seen):
        console.print(part)
    text = console.export_text()
    assert "version 1, champion: alarm" in text
    assert "feature channel" in text
    assert "Alarms" in text
    json.dumps(seen.to_dict())
    with pytest.raises(OptionError, match="There is no store"):
        action("fraud", store=f"sqlite:///{tmp_path}/absent.db")
    assert not (tmp_path / "absent.db").exists()
    with pytest.raises(OptionError, match="alpha"):
        action("fraud", store=f"sqlite:///{tmp_path}/store.db", alpha=2.0)


def test_an_endpoint_made_again_begins_anew(store, fraud, tmp_path):
    first = deployed(store, fraud, tmp_path)
    answer(store, fraud, first, 2)
    watch = Watch(store)
    assert watch.look_at("fraud").reports[0].whole.n_rows == 2 * ROWS
    delete(store, "fraud", actor="local", with_records=True)
    second = deployed(store, fraud, tmp_path)
    answer(store, fraud, second, 1)
    assert second != first
    assert watch.look_at("fraud").reports[0].whole.n_rows == ROWS
    watch.look_at_all()
    assert {key[0] for key in watch._followed} == {second}


def test_rows_that_come_after_the_retention_took_all_are_seen(store, fraud, tmp_path):
    endpoint = deployed(store, fraud, tmp_path)
    answer(store, fraud, endpoint, 2)
    watch = Watch(store)
    watch.look_at("fraud")
    with store.writing() as connection:
        ledger.forget(connection, now() + 1)
    answer(store, fraud, endpoint, 1, first=5)
    assert sum(window.n_rows for window in watch.look_at("fraud").reports[0].windows) >= ROWS
    assert Watch(store).look_at("fraud").reports[0].whole.n_rows == ROWS


def test_an_endpoint_that_cannot_be_read_does_not_end_the_watch_of_others(
    store, fraud, tmp_path, monkeypatch, caplog
):
    for name in ("a-broken", "fraud"):
        endpoint = deployed(store, fraud, tmp_path, name)
        answer(store, fraud, endpoint, 8)
        answer(store, fraud, endpoint, 3, frame=broken, first=8)
    watch = Watch(store)
    whole = watch._reports

    def reports(connection, endpoint):
        if endpoint.name == "a-broken":
            raise ZeroDivisionError("a fault")
        return whole(connection, endpoint)

    monkeypatch.setattr(watch, "_reports", reports)
    with caplog.at_level("ERROR"):
        watch.look_at_all()
    assert "ZeroDivisionError: a fault" in caplog.text
    assert watch.seen("fraud").alarms


# --- over HTTP and in a browser -------------------------------------------------------------------------------


def test_the_server_gives_the_report_and_the_page(store, fraud, tmp_path):
    with in_thread(store) as client:
        empty = client.get("/")
        assert empty.status_code == 200
        assert "No endpoint yet" in empty.text
        endpoint = deployed(store, fraud, tmp_path)
        answer(store, fraud, endpoint, 3)
        found = client.get("/endpoints/fraud/monitor").json()
        assert found["reports"][0]["state"] == "quiet"
        page = client.get("/")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert "fraud" in page.text
        answer(store, fraud, endpoint, 1, first=3)
        assert client.get("/endpoints/fraud/monitor").json() == found  # seen a moment ago
        assert client.get("/?endpoint=nobody").status_code == 404
        assert client.get("/endpoints/nobody/monitor").status_code == 404
        foreign = client.get("/", headers={"host": "evil.example"})
        assert foreign.status_code == 403


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find()
    if program is None:
        pytest.skip("no Chromium is installed")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def opened(browser, url, width):
    browser.events.clear()
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
    )
    browser.call("Page.navigate", url=url)
    until = time.monotonic() + 60
    while browser.run("document.readyState") != "complete" or not browser.run("location.href").startswith(
        "http"
    ):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(browser, store, fraud, tmp_path, width):
    endpoint = deployed(store, fraud, tmp_path)
    tell(store, endpoint, answer(store, fraud, endpoint, 6))
    answer(store, fraud, endpoint, 4, frame=broken, first=6)
    with in_thread(store) as client:
        opened(browser, f"{client.base_url}/", width)
        assert browser.complaints() == []
        assert all(url.startswith(str(client.base_url)) for url in browser.requests())
        assert browser.run("document.querySelector('[role=status]').textContent") == "alarm"
        assert browser.run("document.querySelectorAll('svg').length") == 6
        assert browser.run("[...document.querySelectorAll('svg')].every((s) => s.getAttribute('aria-label'))")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert "channel" in browser.run("document.querySelector('main').innerText")
        points = browser.run(
            "[...document.querySelectorAll('polyline')].map((p) => p.getAttribute('points')).join(' ')"
        )
        assert "NaN" not in points
        browser.run("document.querySelector('summary').click()")
        assert browser.run("document.querySelectorAll('details tbody tr').length") >= 10


def test_hostile_names_stay_text(browser, tmp_path, fraud, store):
    endpoint = deployed(store, fraud, tmp_path)
    answer(store, fraud, endpoint, 2)
    seen = Watch(store).look_at("fraud")
    evil = "<img src=x onerror=alert(1)>\"'"
    report = seen.reports[0]
    features = [each.model_copy(update={"name": evil, "largest": evil}) for each in report.features]
    checks = [each.model_copy(update={"subject": evil, "sentence": evil}) for each in report.checks]
    hostile = report.model_copy(
        update={"endpoint": evil, "features": features, "checks": checks, "notes": [evil]}
    )
    html = render(type(seen)(evil, [hostile], []), [evil], datetime.now().astimezone())
    assert "<img" not in html
    (tmp_path / "page.html").write_text(html)
    browser.events.clear()
    browser.call("Page.navigate", url=(tmp_path / "page.html").as_uri())
    time.sleep(0.3)
    assert browser.run("document.querySelectorAll('img').length") == 0


def test_an_empty_page_is_html():
    assert render_empty(datetime.now().astimezone()).startswith("<!doctype html>")


@contextmanager
def hook():
    """Listen for alarms."""

    class Heard(BaseHTTPRequestHandler):
        """Keeps what is posted."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(503 if server.is_deaf else 204)
            self.end_headers()
            if not server.is_deaf:
                server.messages.append(json.loads(body))

        def log_message(self, *arguments):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Heard)
    server.messages, server.is_deaf = [], False
    server.url = f"http://127.0.0.1:{server.server_port}/alarms"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_rules_out_of_range_are_refused():
    with pytest.raises(ValueError, match="alpha"):
        Rules(alpha=0)
