"""The endpoint's contract: forms in and out, the life of endpoints, labels, tokens, limits."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from counterpoise.serve import Limits, Rate, Settings, Store, ledger, tokens
from counterpoise.serve.bins import counts
from counterpoise.serve.changes import Change, create, keep, update
from counterpoise.serve.deployments import endpoint
from counterpoise.serve.models import packed_bundle
from serving import FEATURES, ROW, in_thread, model, payments

JSON = "application/json"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Two models of the same table."""
    folder = tmp_path_factory.mktemp("bundles")
    return [model(seed).save(folder / f"fraud-{seed}.model") for seed in (0, 1)]


def made(path, bundle, name="fraud"):
    """A store with one endpoint."""
    store = Store(f"sqlite:///{path}/store.db")
    sha256 = keep(store, *packed_bundle(bundle))
    create(store, name, sha256, source=str(bundle), actor="test")
    return store


@pytest.fixture(scope="module")
def shared(tmp_path_factory, bundles):
    """A server that tests only ask."""
    store = made(tmp_path_factory.mktemp("shared"), bundles[0])
    with in_thread(store) as client:
        yield client
    store.close()


@pytest.fixture
def store(tmp_path, bundles):
    store = made(tmp_path, bundles[0])
    yield store
    store.close()


@pytest.fixture
def client(store):
    with in_thread(store) as client:
        yield client


def ask(client, body, media=JSON, name="fraud", **headers):
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    sent = {"Content-Type": media, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return client.post(f"/endpoints/{name}/invocations", content=content, headers=sent)


# --- forms ----------------------------------------------------------------------------------------------------


def as_forms(rows):
    """The same rows in every form that is taken."""
    lists = [list(row.values()) for row in rows]
    text = ["" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for r in lists for v in r]
    lines = [",".join(text[k : k + 4]) for k in range(0, len(text), 4)]
    return {
        "csv": ("text/csv", "\n".join(lines)),
        "csv, header": ("text/csv; charset=utf-8", "\r\n".join([",".join(FEATURES), *lines, ""])),
        "csv, told": ("text/csv; header=present", "\n".join([",".join(FEATURES), *lines])),
        "csv, other order": (
            "text/csv",
            pl.DataFrame(rows).select(FEATURES[::-1]).write_csv(quote_style="non_numeric"),
        ),
        "instances, features": (JSON, {"instances": [{"features": row} for row in lists]}),
        "instances, lists": (JSON, {"instances": lists}),
        "instances, records": (JSON, {"instances": rows}),
        "instances, data": (JSON, {"instances": [{"data": {"features": {"values": row}}} for row in lists]}),
        "dataframe_split": (JSON, {"dataframe_split": {"columns": FEATURES, "data": lists}}),
        "dataframe_split, other order": (
            JSON,
            {
                "dataframe_split": {
                    "index": [4, 5],
                    "columns": FEATURES[::-1],
                    "data": [row[::-1] for row in lists],
                }
            },
        ),
        "dataframe_records": (JSON, {"dataframe_records": rows}),
        "inputs, columns": (JSON, {"inputs": {name: [row[name] for row in rows] for name in FEATURES}}),
        "inputs, lists": (JSON, {"inputs": lists}),
        "a list": (JSON, lists),
        "json lines": ("application/jsonlines", "\n".join(json.dumps({"features": row}) for row in lists)),
        "json lines, records": ("application/x-ndjson", "\n".join(map(json.dumps, rows)) + "\n\n"),
    }


@pytest.mark.parametrize("form", as_forms([ROW]))
@pytest.mark.parametrize("missing", [False, True])
def test_every_form_gives_what_the_model_gives(shared, form, missing):
    rows = payments(seed=3).select(FEATURES).head(70).to_dicts()
    rows = [{**row, "amount": None} for row in rows] if missing else [row for row in rows if row["amount"]]
    media, body = as_forms(rows)[form]
    answer = ask(shared, body, media)
    assert answer.status_code == 200, answer.text
    found = answer.json()["predictions"]
    wanted = model(0).decide(pl.DataFrame(rows, schema_overrides={"amount": pl.Float64}))
    np.testing.assert_allclose([p["score"] for p in found], wanted["probability"], rtol=1e-9)
    assert [p["predicted_label"] for p in found] == wanted["label"].to_list()


def test_an_answer_says_what_it_rests_on(shared):
    answer = ask(shared, [ROW]).json()
    (prediction,) = answer["predictions"]
    assert prediction["score"] == prediction["probability"]
    assert prediction["threshold"] == answer["operating_point"]["threshold"] == model(0).threshold
    assert answer["operating_point"]["goal"] == "f1"
    assert (answer["endpoint"], answer["variant"], answer["version"]) == ("fraud", "champion", 1)
    assert answer["model_version"] == "seed0"


def test_one_row_and_many_are_written_alike(shared):
    """Few rows are written one by one, many in columns."""
    rows = [row for row in payments(seed=5).select(FEATURES).to_dicts() if row["amount"]]
    many = ask(shared, rows).json()["predictions"]
    for k in (0, 17, 300):
        one = ask(shared, [rows[k]]).json()["predictions"][0]
        other = many[k]
        assert one.keys() == other.keys()
        assert one["score"] == pytest.approx(other["score"], rel=1e-12)  # sums in another order
        for key in ("predicted_label", "threshold", "version"):
            assert one[key] == other[key]


def test_json_lines_come_back_where_they_are_asked_for(shared):
    answer = ask(shared, [ROW, ROW], Accept="application/jsonlines")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["predicted_label"] for line in lines] == [0, 0]
    assert ask(shared, [ROW], Accept="image/png").status_code == 406


@pytest.mark.parametrize("n_rows", [1, 3, 100])
def test_csv_comes_back_where_it_is_asked_for(shared, n_rows):
    rows = payments(seed=3).select(FEATURES).drop_nulls().head(n_rows).to_dicts()
    wanted = ask(shared, rows).json()["predictions"]
    answer = ask(shared, rows, Accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = [line.split(",") for line in answer.text.splitlines()]
    assert [(float(score), int(label)) for score, label in lines] == [
        (each["score"], each["predicted_label"]) for each in wanted
    ]
    named = ask(shared, {"instances": rows, "ids": [f"csv {n_rows},{k}" for k in range(n_rows)]},
                Accept="text/csv;header=present")  # fmt: skip
    frame = pl.read_csv(named.content)
    assert frame.columns == ["score", "predicted_label", "id"]
    assert frame["id"].to_list() == [f"csv {n_rows},{k}" for k in range(n_rows)]
    assert frame["score"].to_list() == [each["score"] for each in wanted]


# --- ids that come again --------------------------------------------------------------------------------------


def kept(store, name="fraud"):
    with store.reading() as connection:
        key = endpoint(connection, name).id
        return ledger.predictions(ledger.requests(connection, key))["prediction"].to_list()


OTHER = {**ROW, "amount": 13.0}


def test_a_row_that_is_sent_again_is_answered_and_counted_once(client, store):
    first = ask(client, {"instances": [ROW, OTHER], "ids": ["a", "b"]}).json()
    again = ask(client, {"instances": [ROW, OTHER], "ids": ["a", "b"]})
    assert again.json()["predictions"] == first["predictions"]
    text = "amount,channel,is_new,hour\n13,web,1,3.0\n"
    assert ask(client, text, "text/csv", X_Amzn_SageMaker_Inference_Id="b").status_code == 200
    assert kept(store) == ["a", "b"]


def test_new_rows_of_a_batch_are_kept_beside_those_that_came_before(client, store):
    ask(client, {"instances": [ROW], "ids": ["a"]})
    answer = ask(client, {"instances": [OTHER, ROW, OTHER], "ids": ["b", "a", "c"]}).json()
    assert [each["id"] for each in answer["predictions"]] == ["b", "a", "c"]
    assert kept(store) == ["a", "b", "c"]
    with store.reading() as connection:
        read = ledger.requests(connection, 1)
    assert counts(read["bins"], len(FEATURES)).sum(axis=1).tolist() == [3] * len(FEATURES)


def test_an_id_that_comes_back_with_another_row_is_refused(client, store):
    ask(client, {"instances": [ROW], "ids": ["a"]})
    answer = ask(client, {"instances": [OTHER, OTHER], "ids": ["new", "a"]})
    assert answer.status_code == 409
    wrong = answer.json()["errors"][0]
    assert wrong["field"] == "ids"
    assert wrong["row"] == 1
    assert "'a'" in wrong["given"]
    assert kept(store) == ["a"]
    assert (
        ask(client, {"instances": [ROW], "ids": ["new"]}).status_code == 200
    )  # it was not taken by the refused


def test_an_id_is_known_after_a_restart_and_forgotten_with_its_answer(store):
    with in_thread(store) as client:
        ask(client, {"instances": [ROW], "ids": ["a"]})
    with in_thread(store) as client:
        assert ask(client, {"instances": [OTHER], "ids": ["a"]}).status_code == 409
        with store.writing() as connection:
            ledger.forget(connection, before=2**62)
        assert ask(client, {"instances": [OTHER], "ids": ["a"]}).status_code == 200


def test_many_that_send_one_row_at_once_are_counted_once(client, store):
    """Retries that overtake each other, in one group of the lane or in several."""
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(ask(client, {"instances": [ROW], "ids": ["a"]}).status_code)
        )
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 24
    assert kept(store) == ["a"]


def test_ids_come_from_the_header_the_body_or_the_id_column(shared):
    def ids(body, media=JSON, **headers):
        return [p["id"] for p in ask(shared, body, media, **headers).json()["predictions"]]

    header = {"X_Amzn_SageMaker_Inference_Id": "call-9"}
    assert ids([ROW], **header) == ["call-9"]
    assert ids([ROW, ROW], **header) == ["call-9-0", "call-9-1"]
    assert ids({"instances": [ROW, ROW], "ids": ["a", 7]}) == ["a", "7"]
    assert ids([{**ROW, "tx": "t5"}]) == ["t5"]
    made_up = ids([ROW, ROW])
    assert made_up[0].endswith("-0")
    assert made_up[1] == made_up[0][:-1] + "1"


def test_ping_health_metrics_and_docs_answer(shared):
    assert shared.get("/ping").status_code == 200
    assert shared.get("/health").json()["status"] == "ok"
    assert 'counterpoise_requests_total{route="/ping",status="200"}' in shared.get("/metrics").text
    description = shared.get("/openapi.json").json()
    media = description["paths"]["/endpoints/{name}/invocations"]["post"]["requestBody"]["content"]
    assert set(media) == {"text/csv", JSON, "application/jsonlines"}
    assert all(each["examples"] for each in media.values())


def test_where_one_endpoint_is_served_no_name_is_needed(client, bundles):
    assert client.post("/invocations", json=[ROW]).status_code == 200
    client.post("/endpoints", json={"name": "other", "model": str(bundles[1])})
    refused = client.post("/invocations", json=[ROW])
    assert refused.status_code == 404
    assert "/endpoints/fraud/invocations" in refused.json()["message"]


# --- the life of an endpoint ----------------------------------------------------------------------------------


def test_an_endpoint_is_made_changed_and_deleted(client, bundles):
    made = client.post("/endpoints", json={"name": "new", "model": str(bundles[0])})
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "in service"
    assert [e["name"] for e in client.get("/endpoints").json()] == ["fraud", "new"]
    assert client.post("/endpoints", json={"name": "new", "model": str(bundles[0])}).status_code == 409
    whole = client.get("/endpoints/new").json()
    assert [f["name"] for f in whole["features"]] == FEATURES
    assert whole["labels"] == [0, 1]
    assert client.delete("/endpoints/new").status_code == 204
    assert client.get("/endpoints/new").status_code == 404
    assert ask(client, [ROW], name="new").status_code == 404
    assert client.post("/endpoints", json={"name": "new", "model": str(bundles[1])}).status_code == 201


def test_a_model_can_be_sent(client, bundles):
    _, content = packed_bundle(bundles[1])
    sent = client.post("/bundles", content=content, headers={"Content-Type": "application/zip"})
    assert sent.status_code == 201, sent.text
    assert client.post("/endpoints", json={"name": "sent", **sent.json()}).status_code == 201
    assert ask(client, [ROW], name="sent").json()["model_version"] == "seed1"
    broken = client.post("/bundles", content=content[:-900], headers={"Content-Type": "application/zip"})
    assert broken.status_code == 400


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"line": 0}, "line", lambda a: a["operating_point"]["threshold"] == 0),
        ({"line": 0.9}, "line", lambda a: a["operating_point"]["threshold"] == 0.9),
        ({"base_rate": 0.001}, "base_rate", lambda a: a["operating_point"]["base_rate"] == 0.001),
        ({"costs": {"fn": 50, "fp": 1}}, "costs", lambda a: "fn=50" in a["operating_point"]["goal"]),
    ],
)
def test_the_line_moves_without_training_and_back(client, change, kind, says):
    before = ask(client, [ROW]).json()
    changed = client.patch("/endpoints/fraud", json={**change, "note": "why not"})
    assert changed.status_code == 200, changed.text
    event = changed.json()["events"][-1]
    assert (event["kind"], event["actor"], event["note"]) == (kind, "local", "why not")
    after = ask(client, [ROW]).json()
    assert says(after)
    assert after["version"] == 2
    client.patch("/endpoints/fraud", json={"roll_back": True})
    again = ask(client, [ROW]).json()
    assert again["version"] == 1
    assert again["operating_point"] == before["operating_point"]


@pytest.mark.parametrize("change", [{"line": 2}, {"base_rate": 0}, {"costs": {"fn": -1, "fp": 1}}])
def test_a_number_outside_its_range_is_refused_by_its_field(client, change):
    refused = client.patch("/endpoints/fraud", json=change)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] in (*change, "costs.fn")
    assert "np." not in refused.text
    assert client.get("/endpoints/fraud").json()["version"] == 1


def test_changes_are_taken_back_one_by_one(client, bundles):
    def now(**change):
        answer = client.patch("/endpoints/fraud", json=change)
        assert answer.status_code == 200, answer.text
        return answer.json()["version"], (answer.json()["challenger"] or {}).get("version")

    assert now(line=0.5) == (2, None)
    assert now(model=str(bundles[1]), share=0.5) == (2, 3)
    assert now(promote=True) == (3, None)
    assert now(roll_back=True) == (2, 3)
    assert now(roll_back=True) == (2, None)
    assert now(roll_back=True) == (1, None)
    refused = client.patch("/endpoints/fraud", json={"roll_back": True})
    assert refused.status_code == 409
    assert now(version=3) == (3, None)
    assert len(client.get("/endpoints/fraud").json()["versions"]) == 3


def test_a_challenger_answers_its_share_and_the_same_request_alike(client, bundles):
    client.patch("/endpoints/fraud", json={"model": str(bundles[1]), "share": 0.3})
    answers = [ask(client, [ROW], X_Amzn_SageMaker_Inference_Id=f"r{k}").json() for k in range(80)]
    variants = [answer["variant"] for answer in answers]
    assert 10 <= variants.count("challenger") <= 40
    assert {a["variant"]: a["version"] for a in answers} == {"champion": 1, "challenger": 2}
    again = [ask(client, [ROW], X_Amzn_SageMaker_Inference_Id=f"r{k}").json()["variant"] for k in range(20)]
    assert again == variants[:20]
    told = ask(client, [ROW], X_Amzn_SageMaker_Target_Variant="challenger")
    assert told.headers["x-amzn-invoked-production-variant"] == "challenger"
    assert ask(client, [ROW], X_Amzn_SageMaker_Target_Variant="nobody").status_code == 400


def test_a_shadow_is_asked_and_not_heard(client, store, bundles):
    client.patch("/endpoints/fraud", json={"model": str(bundles[1]), "share": 0})
    assert {ask(client, [ROW]).json()["version"] for _ in range(5)} == {1}
    with store.reading() as connection:
        kept = ledger.predictions(ledger.requests(connection, 1))
    assert kept["variant"].value_counts().sort("variant").rows() == [("champion", 5), ("shadow", 5)]
    assert kept.filter(variant="shadow")["version"].unique().to_list() == [2]


def test_a_model_of_another_table_is_refused(client, tmp_path):
    table = payments().drop("hour")
    import counterpoise as cp
    from counterpoise.bundle import Model, Schema
    from counterpoise.learn import LogisticClassifier

    read = cp.read(table, target="fraud", id="tx")
    learner = LogisticClassifier().fit(read.X, read.y)
    other = Model(learner, read.labels, Schema.of(read), model(0).operating_point)
    path = str(other.save(tmp_path / "other"))
    refused = client.patch("/endpoints/fraud", json={"model": path})
    assert refused.status_code == 409
    assert "other columns" in refused.json()["message"]
    assert client.patch("/endpoints/fraud", json={"model": path, "is_other_table": True}).status_code == 200
    assert ask(client, [[12.5, "web", True]]).status_code == 200
    assert client.patch("/endpoints/fraud", json={"version": 1}).status_code == 409
    assert client.patch("/endpoints/fraud", json={"version": 1, "share": 0}).status_code == 409
    both = client.patch("/endpoints/fraud", json={"line": 0, "base_rate": 0.1})
    assert both.status_code == 400
    assert "line, base_rate" in both.json()["message"]
    assert client.patch("/endpoints/fraud", json={"version": 1, "is_other_table": True}).status_code == 200


def test_a_model_of_other_labels_needs_another_endpoint(client, tmp_path):
    known = model(0)
    path = str(replace(known, labels=("no", "yes")).save(tmp_path / "other"))
    refused = client.patch("/endpoints/fraud", json={"model": path, "is_other_table": True})
    assert refused.status_code == 409
    assert "'no', 'yes'" in refused.json()["message"]


def test_no_request_is_dropped_or_mixed_while_models_change(client, bundles):
    stop, wrong, n = threading.Event(), [], [0]
    by_version = {}

    def load():
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            while not stop.is_set():
                answer = ask(own, [ROW] * 3)
                n[0] += 1
                if answer.status_code != 200:
                    wrong.append(answer.text)
                    continue
                said = answer.json()
                scores = {p["score"] for p in said["predictions"]}
                if len(scores) != 1 or scores != by_version.setdefault(said["version"], scores):
                    wrong.append(said)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for change in (
        {"model": str(bundles[1])},
        {"line": 0.4},
        {"roll_back": True},
        {"roll_back": True},
        {"version": 2},
    ):
        assert client.patch("/endpoints/fraud", json=change).status_code == 200
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert n[0] > 20
    assert {1, 2} <= set(by_version)


def test_what_another_process_changed_is_seen(client, store):
    update(store, "fraud", Change(line=0.25), actor="somebody")
    until = time.monotonic() + 10
    while ask(client, [ROW]).json()["version"] != 2:
        assert time.monotonic() < until
        time.sleep(0.1)


# --- labels ---------------------------------------------------------------------------------------------------


def bring(client, body, media=JSON):
    content = body if isinstance(body, str) else json.dumps(body)
    return client.post("/endpoints/fraud/labels", content=content, headers={"Content-Type": media})


def known(client):
    rows = client.get("/endpoints/fraud/predictions").json()["predictions"]
    return {row["prediction"]: row["truth"] for row in rows}


def test_labels_come_in_any_order_and_more_than_once(client):
    early = bring(client, {"labels": [{"id": "b", "label": 1}]})
    assert early.json() == {"new": 1, "changed": 0, "repeated": 0}
    ask(client, {"instances": [ROW, ROW, ROW], "ids": ["a", "b", "c"]})
    assert known(client) == {"a": None, "b": 1, "c": None}
    assert bring(client, "id,label\na,0\nb,1\n", "text/csv").json() == {"new": 1, "changed": 0, "repeated": 1}
    assert bring(client, '{"id":"a","label":1}', "application/jsonlines").json()["changed"] == 1
    assert bring(client, [{"id": "a", "label": 1}]).json()["repeated"] == 1
    assert known(client) == {"a": 1, "b": 1, "c": None}


def test_the_latest_truth_holds_whenever_it_comes(client, store):
    ask(client, {"instances": [ROW], "ids": ["a"]})
    today = datetime.now(UTC)
    for days, label in ((1, 1), (3, 0), (2, 1)):
        at = (today - timedelta(days=days)).isoformat()
        bring(client, [{"id": "a", "label": label, "at": at}])
    assert known(client) == {"a": 1}
    assert bring(client, [{"id": "a", "label": 0, "at": at}]).json()["changed"] == 1
    assert bring(client, [{"id": "a", "label": 0, "at": at}]).json()["repeated"] == 1
    assert known(client) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "media", "field", "row"),
    [
        ({"labels": [{"id": "a", "label": 1}, {"id": "b", "label": 7}]}, JSON, "label", 1),
        ({"labels": [{"id": "a", "label": "1"}]}, JSON, "label", 0),
        ({"labels": [{"id": "", "label": 1}]}, JSON, "id", 0),
        ({"labels": [{"id": "a\u0000", "label": 1}]}, JSON, "id", 0),
        ({"labels": [{"id": "a"}]}, JSON, "label", 0),
        ({"labels": [{"id": "a", "label": 1, "truth": 1}]}, JSON, "truth", 0),
        ({"labels": [{"id": "a", "label": 1, "at": "2999-01-01T00:00:00Z"}]}, JSON, "at", 0),
        ({"labels": [{"id": "a", "label": 1, "at": "soon"}]}, JSON, "at", 0),
        ({"labels": []}, JSON, "labels", None),
        ({}, JSON, None, None),
        ("id,label\na,1\nb\n", "text/csv", None, 1),
        ("{", JSON, None, None),
    ],
)
def test_wrong_labels_are_refused_whole(client, body, media, field, row):
    answer = bring(client, body, media)
    assert answer.status_code == 400, answer.text
    if field:
        assert answer.json()["errors"][0]["field"] == field
    if row is not None:
        assert answer.json()["errors"][0]["row"] == row
    assert bring(client, [{"id": "a", "label": 1}]).json()["new"] == 1


# --- who and how much -----------------------------------------------------------------------------------------


@pytest.fixture
def guarded(store):
    """A server that needs tokens, and one token of each kind."""
    with store.writing() as connection:
        made = {scope: tokens.make(connection, scope, [scope]) for scope in tokens.SCOPES}
    with in_thread(store, Settings(needs_token=True)) as client:
        yield client, made


def test_a_token_is_good_for_its_scope_only(guarded, store):
    client, made = guarded
    asks = {
        "read": lambda headers: client.get("/endpoints", headers=headers),
        "score": lambda headers: client.post("/invocations", json=[ROW], headers=headers),
        "admin": lambda headers: client.patch("/endpoints/fraud", json={"line": 0.3}, headers=headers),
    }
    for scope, call in asks.items():
        assert call({}).status_code == 401
        assert call({"Authorization": "Bearer cp_wrong"}).status_code == 401
        assert call({"Authorization": f"Basic {made[scope]}"}).status_code == 401
        for other, token in made.items():
            status = call({"Authorization": f"Bearer {token}"}).status_code
            assert status == (200 if other in (scope, "admin") else 403)
    assert client.get("/ping").status_code == 200
    raw = b"".join(file.read_bytes() for file in Path(store.url.database).parent.glob("store.db*"))
    assert not any(token.encode() in raw for token in made.values())


def test_a_wrong_form_without_a_token_is_told_of_the_token(guarded):
    for method, path in (("patch", "/endpoints/fraud"), ("post", "/endpoints")):
        answer = getattr(guarded[0], method)(
            path, content='{"line": 0.1, "line": 0.2}', headers={"content-type": JSON}
        )
        assert answer.status_code == 401, answer.text


def test_a_token_ends_and_can_be_taken_back(store):
    with store.writing() as connection:
        ended = tokens.make(connection, "ended", ["score"], expires_at=1)
        taken = tokens.make(connection, "taken", ["score"])
        tokens.revoke(connection, "taken")
    with in_thread(store, Settings(needs_token=True)) as client:
        for token in (ended, taken):
            headers = {"Authorization": f"Bearer {token}"}
            assert client.post("/invocations", json=[ROW], headers=headers).status_code == 401


def test_another_sites_page_cannot_ask_in_the_users_name(shared):
    refused = shared.post("/invocations", json=[ROW], headers={"Host": "evil.example"})
    assert refused.status_code == 403


def test_once_there_is_an_admin_changes_need_a_token(client, store):
    assert client.patch("/endpoints/fraud", json={"line": 0.3}).status_code == 200
    with store.writing() as connection:
        token = tokens.make(connection, "boss", ["admin"])
    assert client.patch("/endpoints/fraud", json={"line": 0.4}).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    changed = client.patch("/endpoints/fraud", json={"line": 0.4}, headers=headers)
    assert changed.json()["events"][-1]["actor"] == "boss"
    assert client.post("/invocations", json=[ROW]).status_code == 200


def test_limits_hold(store):
    limits = Limits(body_bytes=2000, rows=5, rate=Rate.of("5/h"))
    with in_thread(store, Settings(limits=limits)) as client:
        assert ask(client, [ROW] * 6).status_code == 413
        assert ask(client, b" " * 2001).status_code == 413

        def pieces():
            yield from [b"[" * 500] * 5

        long = {"name": "x" * 3000, "model": "m"}
        assert client.post("/endpoints", json=long).status_code in (400, 413)
        told_nothing = client.post("/invocations", content=pieces(), headers={"Content-Type": JSON})
        assert told_nothing.status_code == 413
        statuses = [ask(client, [ROW]).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]


def test_retention_forgets_what_is_old(store):
    with in_thread(store) as client:
        ask(client, [ROW])
        bring(client, [{"id": "x", "label": 1}])
    with store.writing() as connection:
        assert ledger.forget(connection, before=0) == {"requests": 0, "labels": 0, "names": 0}
        assert ledger.forget(connection, before=2**62) == {"requests": 1, "labels": 1, "names": 0}
        assert ledger.requests(connection, 1).height == 0
