"""What says two things at once, or is said in time to come, is refused by the endpoint, with its field and row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from counterpoise.serve import Store
from counterpoise.serve.changes import create, keep
from counterpoise.serve.models import packed_bundle
from serving import FEATURES, ROW, in_thread, model

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
NAMED = "X-Amzn-SageMaker-Inference-Id"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server with one endpoint, which tests share: each names its predictions for itself."""
    folder = tmp_path_factory.mktemp("forms")
    store = Store(f"sqlite:///{folder}/store.db")
    sha256 = keep(store, *packed_bundle(model().save(folder / "fraud.model")))
    create(store, "fraud", sha256, source="test", actor="test")
    with in_thread(store) as client:
        yield client
    store.close()


def ask(client, body, media=JSON, **headers):
    content = body if isinstance(body, str) else json.dumps(body)
    return client.post("/invocations", content=content, headers={"Content-Type": media, **headers})


def bring(client, body, media=JSON):
    content = body if isinstance(body, str) else json.dumps(body)
    return client.post("/endpoints/fraud/labels", content=content, headers={"Content-Type": media})


def truth_of(client, name):
    rows = client.get("/endpoints/fraud/predictions").json()["predictions"]
    return next(row["truth"] for row in rows if row["prediction"] == name)


def refusal(answer):
    assert answer.status_code == 400, answer.text
    wrong = answer.json()["errors"][0]
    return wrong["field"], wrong.get("row"), wrong["given"]


# --- keys that are there twice --------------------------------------------------------------------------------

_ROW = json.dumps(ROW)
_TWICE = _ROW[:-1] + ', "amount" : 9000}'


@pytest.mark.parametrize("n_before", [1, 500])  # read row by row, and by columns where that can be
@pytest.mark.parametrize(
    ("around", "media", "between"),
    [
        ("[%s]", JSON, ","),
        ('{"instances": [%s]}', JSON, ","),
        ('{"dataframe_records": [%s], "params": {}}', JSON, ",\n"),
        ("%s", LINES, "\n"),
    ],
)
def test_a_record_with_a_key_twice_is_refused_with_its_row(client, n_before, around, media, between):
    sent = around % between.join([_ROW] * n_before + [_TWICE, _ROW])
    assert refusal(ask(client, sent, media)) == (
        "amount",
        n_before,
        f"'amount' of row {n_before} is there twice.",
    )
    assert ask(client, around % between.join([_ROW] * n_before), media).status_code == 200


_VALUES = json.dumps([list(ROW.values())])


@pytest.mark.parametrize(
    ("body", "field", "row"),
    [
        ('{"instances": [[80, "web", true, 3]], "instances": %s}', "instances", None),
        ('{"instances": [[80, "web", true, 3]], "inst\\u0061nces": %s}', "instances", None),
        ('{"instances": %s, "ids": ["a"], "ids": ["b"]}', "ids", None),
        ('{"dataframe_split": {"data": [[80, "web", true, 3]], "data": %s}}', "data", None),
        ('{"dataframe_split": {"columns": ["a"], "columns": %s, "data": %s}}', "columns", None),
        ('{"instances": [{"features": [1], "features": %s}]}', "features", 0),
        ('{"instances": [{"data": {"features": {"values": [1], "values": %s}}}]}', "values", 0),
        ('{"inputs": {"amount": [9], "amount": [1], "channel": ["web"], "is_new": [true], "hour": [3]}}',
         "amount", None),
        ('{"amount": 9, "amount": 1, "channel": "web", "is_new": true, "hour": 3}', "amount", None),
    ],
)  # fmt: skip
def test_a_key_twice_is_refused_in_every_form(client, body, field, row):
    found = refusal(ask(client, body.replace("%s", json.dumps(FEATURES), body.count("%s") - 1) % _VALUES
                        if "%s" in body else body))  # fmt: skip
    assert found[:2] == (field, row)


def test_text_that_looks_like_a_key_is_no_key(client):
    rows = [{**ROW, "tx": f': "amount": {k} "amount" :'} for k in range(3)]
    answer = ask(client, rows)
    assert [each["id"] for each in answer.json()["predictions"]] == [row["tx"] for row in rows]


@pytest.mark.parametrize(
    ("body", "media", "field", "row"),
    [
        ('[{"id": "a", "label": 1}, {"id": "b", "label": 1, "label": 0}]', JSON, "label", 1),
        ('{"labels": [{"id": "a", "id": "b", "label": 1}]}', JSON, "id", 0),
        ('{"labels": [{"id": "a", "label": 1}], "labels": [{"id": "b", "label": 1}]}', JSON, "labels", None),
        ('{"id": "a", "label": 1}\n{"id": "b", "label": 1, "label": 0}', LINES, "label", 1),
        ("id,label,id\na,1,b\n", CSV, "id", None),
    ],
)
def test_a_label_that_says_two_things_is_refused(client, body, media, field, row):
    assert refusal(bring(client, body, media))[:2] == (field, row)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"line": 0.2, "line": 0.9}', "line"),
        ('{"costs": {"fn": 1, "fp": 1, "fn": 90}}', "fn"),
    ],
)
def test_a_change_that_says_two_things_is_refused(client, body, field):
    before = client.get("/endpoints/fraud").json()
    answer = client.patch("/endpoints/fraud", content=body, headers={"Content-Type": JSON})
    assert refusal(answer)[0] == field
    assert client.get("/endpoints/fraud").json()["version"] == before["version"]


def test_an_endpoint_with_two_names_is_not_made(client):
    body = '{"name": "one", "name": "two", "model": "m"}'
    answer = client.post("/endpoints", content=body, headers={"Content-Type": JSON})
    assert refusal(answer)[0] == "name"
    described = client.get("/openapi.json").json()["paths"]["/endpoints"]["post"]["requestBody"]
    assert described["content"][JSON]["schema"]["$ref"].endswith("/EndpointWanted")


# --- rows with two names --------------------------------------------------------------------------------------


def test_a_row_with_two_ids_is_refused_unless_they_are_one(client):
    def ids(body, **headers):
        answer = ask(client, body, **headers)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["predictions"]]

    named = [{**ROW, "tx": "two-a"}, {**ROW, "tx": 7}]
    beside = refusal(ask(client, {"instances": named, "ids": ["two-a", "two-b"]}))
    assert beside == ("ids", 1, "The id of row 1 is 'two-b' in 'ids' and '7' in column 'tx'.")
    header = refusal(ask(client, named[:1], **{NAMED: "two-c"}))
    assert header == (
        "ids",
        0,
        f"The id of row 0 is 'two-a' in the body and 'two-c' in the header {NAMED}.",
    )
    assert refusal(ask(client, {"instances": [ROW], "ids": ["two-a"]}, **{NAMED: "two-c"}))[:2] == ("ids", 0)
    assert ids({"instances": named, "ids": ["two-a", "7"]}) == ["two-a", "7"]
    assert ids(named[:1], **{NAMED: "two-a"}) == ["two-a"]
    assert ids([{**ROW, "tx": "two-d-0"}, {**ROW, "tx": "two-d-1"}], **{NAMED: "two-d"})[1] == "two-d-1"
    assert ids({"instances": [{**ROW, "tx": None}], "ids": ["two-e"]}) == ["two-e"]


# --- labels from a clock that is ahead ------------------------------------------------------------------------


def test_a_label_from_a_clock_a_little_ahead_does_not_outlive_its_correction(client):
    ask(client, {"instances": [ROW], "ids": ["ahead"]})

    def label(value, **ahead):
        at = datetime.now(UTC) + timedelta(**ahead)
        return bring(client, [{"id": "ahead", "label": value} | ({"at": at.isoformat()} if ahead else {})])

    assert label(1, minutes=4).json() == {"new": 1, "changed": 0, "repeated": 0}
    assert label(1, minutes=4).json()["repeated"] == 1
    assert label(0).json()["changed"] == 1
    assert truth_of(client, "ahead") == 0
    assert refusal(label(1, minutes=6))[:2] == ("at", 0)
    assert refusal(label(1, hours=23))[:2] == ("at", 0)
    assert truth_of(client, "ahead") == 0
