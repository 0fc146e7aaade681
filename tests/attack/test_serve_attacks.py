"""The endpoint under bad input of every kind: an answer 4xx that names what is wrong, and nothing kept of it."""

from __future__ import annotations

import json
import logging
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoise.serve import Settings, Store, ledger, tables
from counterpoise.serve.changes import create, keep
from counterpoise.serve.log import LOGGER
from counterpoise.serve.models import packed_bundle
from serving import FEATURES, ROW, in_thread, model

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
GOOD = [12.5, "web", True, 3]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return model().save(tmp_path_factory.mktemp("bundle") / "fraud.model")


@pytest.fixture(scope="module")
def store(tmp_path_factory, bundle):
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db")
    create(store, "fraud", keep(store, *packed_bundle(bundle)), source="here", actor="test")
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(store):
    with in_thread(store) as client:
        yield client


def ask(client, body, media=JSON):
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/endpoints/fraud/invocations", content=content, headers={"Content-Type": media})


def kept(store):
    with store.reading() as connection:
        return ledger.requests(connection, 1).height


def instead(field, value):
    return [GOOD, [value if name == field else good for name, good in zip(FEATURES, GOOD, strict=True)]]


WRONG = {
    "text for a number": (JSON, instead("amount", "12.5"), "amount", 1),
    "truth for a number": (JSON, instead("amount", True), "amount", 1),
    "a list for a number": (JSON, instead("amount", [1]), "amount", 1),
    "an object for a number": (JSON, instead("hour", {"a": 1}), "hour", 1),
    "a huge number": (JSON, instead("amount", 1e300), "amount", 1),
    "a huge whole number": (JSON, instead("hour", 10**400), "hour", 1),
    "a number for truth": (JSON, instead("is_new", 2), "is_new", 1),
    "text for truth": (JSON, instead("is_new", "true"), "is_new", 1),
    "a number for a level": (JSON, instead("channel", 1.5), "channel", 1),
    "an unknown level": (JSON, instead("channel", "wep"), "channel", 1),
    "an empty level": (JSON, instead("channel", " "), "channel", 1),
    "a short row": (JSON, [GOOD, GOOD[:3]], None, 1),
    "a long row": (JSON, [GOOD, [*GOOD, 1]], None, 1),
    "a row that is none": (JSON, [GOOD, 7], None, 1),
    "a missing field": (JSON, [{"amount": 1, "channel": "web", "is_new": True}], "hour", None),
    "an unknown field": (JSON, [{**ROW, "hoor": 3}], "hoor", None),
    "a field that one row lacks": (JSON, [ROW, {"amount": 1}], None, 1),
    "a column too short": (JSON, {"inputs": {**{k: [v, v] for k, v in ROW.items()}, "hour": [3]}}, "hour", None),
    "a column that is none": (JSON, {"inputs": {**{k: [v] for k, v in ROW.items()}, "hour": 3}}, "hour", None),
    "a column twice": (JSON, {"dataframe_split": {"columns": ["hour"] * 4, "data": [GOOD]}}, "hour", None),
    "two ids alike": (JSON, {"instances": [GOOD, GOOD], "ids": ["a", "a"]}, "ids", 1),
    "an id too long": (JSON, {"instances": [GOOD], "ids": ["a" * 201]}, "ids", 0),
    "an id that cannot be printed": (JSON, {"instances": [GOOD], "ids": ["a\x00"]}, "ids", 0),
    "too few ids": (JSON, {"instances": [GOOD, GOOD], "ids": ["a"]}, "ids", None),
    "ids that are no list": (JSON, {"instances": [GOOD], "ids": "a"}, "ids", None),
    "parameters": (JSON, {"instances": [GOOD], "params": {"t": 1}}, "params", None),
    "a form misspelt": (JSON, {"instance": [GOOD]}, None, None),
    "two forms": (JSON, {"instances": [GOOD], "inputs": [GOOD]}, None, None),
    "no rows": (JSON, {"instances": []}, None, None),
    "rows that are text": (JSON, {"instances": "12.5"}, None, None),
    "no object": (JSON, "7", None, None),
    "nothing": (JSON, "null", None, None),
    "an empty list": (JSON, "[]", None, None),
    "an empty body": (JSON, "", None, None),
    "blanks": (JSON, " \n ", None, None),
    "half of it": (JSON, '{"instances": [[12.5, "we', None, None),
    "a bracket": (JSON, "{", None, None),
    "very deep": (JSON, "[" * 100_000, None, None),
    "very deep objects": (JSON, '{"a":' * 100_000, None, None),
    "NaN": (JSON, '{"instances": [[NaN, "web", true, 3]]}', "amount", 0),
    "NaN beside null": (JSON, '{"instances": [[null, "web", true, 3], [1, "web", true, NaN]]}', "hour", 1),
    "Infinity in another row": (JSON, '[[1, "web", true, 3], [2, "web", true, -Infinity]]', "hour", 1),
    "NaN, lines": ("application/jsonlines", '{"features": [1, "web", true, NaN]}', "hour", 0),
    "Infinity": (JSON, '{"instances": [[-Infinity, "web", true, 3]]}', "amount", 0),
    "no UTF-8": (JSON, b'{"instances": [["\xff", "web", true, 3]]}', None, None),
    "half a surrogate": (JSON, '{"instances": [[1, "\\ud800", true, 3]]}', None, None),
    "a broken line": (LINES, '{"features": [12.5, "web", true, 3]}\n{', None, 1),
    "csv: text for a number": (CSV, "12.5,web,true,3\nmany,web,true,3", "amount", 1),
    "csv: nan": (CSV, "nan,web,true,3", "amount", 0),
    "csv: inf": (CSV, "12.5,web,true,-inf", "hour", 0),
    "csv: 1e999": (CSV, "1e999,web,true,3", "amount", 0),
    "csv: 1_000": (CSV, "1_000,web,true,3", "amount", 0),
    "csv: an unknown level": (CSV, "1,wep,true,3", "channel", 0),
    "csv: no truth": (CSV, "1,web,maybe,3", "is_new", 0),
    "csv: a short row": (CSV, "12.5,web,true,3\n12.5,web", None, 1),
    "csv: a long row": (CSV, "12.5,web,true,3,4", None, 0),
    "csv: a header alone": (CSV, ",".join(FEATURES), None, None),
    "csv: a header with an unknown name": (CSV, "amount,channel,is_new,hoor\n1,web,true,3", "hour", None),
    "csv: a column twice": (CSV, "amount,channel,is_new,hour,hour\n1,web,true,3,3", "hour", None),
    "csv: an open quote": (CSV, '12.5,"web,true,3', None, None),
    "csv: a null byte": (CSV, b"12.5,we\x00b,true,3", "channel", 0),
    "csv: no UTF-8": (CSV, b"\xff\xfe1,2", None, None),
    "csv: empty": (CSV, "", None, None),
    "csv: two lines of three": (CSV, "a,b,c", None, None),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_rows_are_refused_whole_with_field_and_row(client, store, case):
    media, body, field, row = WRONG[case]
    before = kept(store)
    answer = ask(client, body, media)
    assert answer.status_code == 400, answer.text
    (first, *_) = answer.json()["errors"]
    assert answer.json()["message"]
    assert first["expected"]
    if field is not None:
        assert first["field"] == field
    if row is not None:
        assert first["row"] == row
    assert kept(store) == before


def test_every_wrong_field_is_named_at_once(client):
    answer = ask(client, [["x", "wep", 7, None]])
    assert [error["field"] for error in answer.json()["errors"]] == ["amount", "channel", "is_new"]


@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-foo", "multipart/form-data", "text/csvx", "\u00e9"]
)
def test_unknown_formats_are_refused(client, media):
    headers = {"Content-Type": media.encode("latin-1")} if media else {}
    answer = client.post("/invocations", content=b"1", headers=headers)
    assert answer.status_code == 415


def test_compressed_bodies_are_refused(client):
    headers = {"Content-Type": CSV, "Content-Encoding": "gzip"}
    assert client.post("/invocations", content=b"\x1f\x8b", headers=headers).status_code == 415


@pytest.mark.parametrize(
    "name", ["", "a b", "%00", "a" * 300, "a%0d%0aSet-Cookie:x", "\u00e9", "'; DROP TABLE x"]
)
def test_odd_names_are_refused(client, name):
    for path in (f"/endpoints/{name}/invocations", f"/endpoints/{name}/labels"):
        assert 400 <= client.post(path, json=[GOOD]).status_code < 500
    made = client.post("/endpoints", json={"name": name, "model": "nowhere"})
    assert made.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {}, {"line": 2}, {"line": -1}, {"line": "0.5"}, {"line": 0.5, "promote": True}, {"promote": True},
        {"share": 0.5},
        {"share": 2}, {"version": 99}, {"version": 0}, {"version": 2**70}, {"base_rate": 0}, {"base_rate": 1},
        {"costs": {"fn": -1, "fp": 1}}, {"costs": {"fn": 1}}, {"costs": {"fn": 1, "fp": 1, "x": 1}},
        {"model": "nowhere"},
        {"model": "/etc/passwd"}, {"model": "\x00"}, {"bundle": "abc"}, {"drop_challenger": True}, {"roll_back": True},
        {"unknown": 1}, {"line": 0.5, "note": "x" * 2000}, [], "line", None,
    ],
)  # fmt: skip
def test_wrong_changes_are_refused_and_change_nothing(client, change):
    before = client.get("/endpoints/fraud").json()
    answer = client.patch("/endpoints/fraud", json=change)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["message"]
    assert client.get("/endpoints/fraud").json() == before


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + b"\0" * 100, b"{}"])
def test_what_is_no_bundle_is_refused(client, content):
    answer = client.post("/bundles", content=content, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 400
    assert client.post("/bundles", content=content, headers={"Content-Type": JSON}).status_code == 415


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={2**80}", "limit=0", "limit=99999999"])
def test_wrong_queries_are_refused(client, query):
    answer = client.get(f"/endpoints/fraud/predictions?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in ("after", "limit")


def test_unknown_addresses_and_methods_are_refused_alike(client):
    assert client.get("/nowhere").status_code == 404
    wrong = client.put("/invocations")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["allow"]
    assert wrong.json()["message"]


_NAMES = st.sampled_from(
    [*FEATURES, "x", "instances", "inputs", "dataframe_split", "dataframe_records", "ids"]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*FEATURES, "x", "ids"]), inner, max_size=4)
    ),
    max_leaves=6,
)
_BODIES = (
    st.dictionaries(_NAMES, _VALUES, max_size=3)
    | st.lists(st.lists(_VALUES, min_size=4, max_size=4), max_size=3)
    | st.lists(st.fixed_dictionaries(dict.fromkeys(FEATURES, _VALUES)), max_size=3)
)  # fmt: skip


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=_BODIES)
def test_whatever_json_is_sent_the_answer_is_no_fault(client, body):
    answer = ask(client, body)
    assert answer.status_code in (200, 400), answer.text


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(max_size=60) | st.text("0123456789.,\n\"webtrue-eE", max_size=60).map(str.encode),
       media=st.sampled_from([CSV, JSON, LINES]))  # fmt: skip
def test_whatever_bytes_are_sent_the_answer_is_no_fault(client, body, media):
    assert ask(client, body, media).status_code in (200, 400)


def test_broken_http_is_survived(client):
    host, port = client.base_url.host, client.base_url.port
    for raw in (
        b"\0\0\0\0\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1,2",
    ):
        with socket.create_connection((host, port)) as connection:
            connection.sendall(raw)
    assert client.get("/ping").status_code == 200


def test_a_lenient_server_takes_what_it_does_not_know(store):
    with in_thread(store, Settings(is_lenient=True)) as client:
        assert ask(client, [{**ROW, "channel": "fax", "extra": 1}]).status_code == 200
        assert ask(client, [{**ROW, "amount": "x"}]).status_code == 400


def answered_lines(caplog, n: int) -> list[dict]:
    """Give the lines about answers; the last is written right after its answer has left."""
    end = time.monotonic() + 10
    while True:
        lines = [json.loads(line) for line in list(caplog.messages)]
        answered = [line for line in lines if line["event"] == "answered"]
        if len(answered) >= n or time.monotonic() > end:
            return answered
        time.sleep(0.01)


def test_neither_log_nor_store_holds_feature_values(client, store, caplog):
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = True
    with caplog.at_level(logging.INFO, LOGGER.name):
        ask(client, [{**ROW, "amount": 98765.4321}])
        ask(client, [{**ROW, "amount": "98765.4321"}])
        answered = answered_lines(caplog, 2)
    assert [line["status"] for line in answered] == [200, 400]
    assert {"request", "endpoint", "version", "variant", "rows", "seconds", "route"} <= set(answered[0])
    assert "98765" not in "".join(caplog.messages)
    with store.reading() as connection:
        rows = connection.execute(tables.predictions.select()).all()
    assert not any(b"98765" in bytes(str(row), "utf-8") for row in rows)
