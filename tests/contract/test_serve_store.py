"""The store: one contract on SQLite and on a real PostgreSQL server; migrations; many writers."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from counterpoise.serve import Store, bins, ledger, tables, tokens
from counterpoise.serve import deployments as d
from counterpoise.serve.changes import Change, create, delete, keep, update
from counterpoise.serve.ledger import Answer, Label
from counterpoise.serve.migrations import STEPS, Step, migrate
from counterpoise.serve.models import packed_bundle
from counterpoise.serve.refusals import Refused, StoreError
from serving import ROW, in_thread, model, postgres


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory):
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    url = request.getfixturevalue("postgres_url")
    store = Store(url)
    with store.writing() as connection:
        tables.metadata.drop_all(connection)
    store.close()
    return url


@pytest.fixture
def store(url):
    store = Store(url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return packed_bundle(model().save(tmp_path_factory.mktemp("bundle") / "fraud.model"))


def answer(uid, endpoint_id, probability, **facts):
    plain = {"version": 1, "variant": "champion", "at": 1_000_000, "threshold": 0.5}
    return Answer(uid, endpoint_id, probability=np.asarray(probability, dtype=float), **{**plain, **facts})


def test_the_life_of_an_endpoint(store, bundle):
    made = create(store, "fraud", keep(store, *bundle), source="here", actor="ann")
    assert keep(store, *bundle) == bundle[0]
    update(store, "fraud", Change(line=0.3), actor="bob")
    update(store, "fraud", Change(version=1, share=0.25, note="try"), actor="bob")
    with pytest.raises(Refused):
        create(store, "fraud", bundle[0], source="here", actor="ann")
    with store.reading() as connection:
        assert d.endpoint(connection, "fraud").deployment == d.Deployment(2, 1, 0.25)
        assert [(e.kind, e.actor) for e in d.events(connection, made.id)] == [
            ("create", "ann"), ("line", "bob"), ("challenger", "bob"),
        ]  # fmt: skip
    delete(store, "fraud", actor="ann")
    again = create(store, "fraud", bundle[0], source="there", actor="ann")
    assert again.id != made.id
    with store.writing() as connection:
        ledger.record(connection, [answer("u", again.id, [0.1])])
    delete(store, "fraud", actor="ann", with_records=True)
    with store.reading() as connection:
        assert d.endpoints(connection) == []
        assert ledger.requests(connection, again.id).height == 0


def test_answers_and_labels_come_back(store, bundle):
    key = create(store, "fraud", keep(store, *bundle), source="here", actor="ann").id
    with store.writing() as connection:
        ledger.record(
            connection, [answer("u", key, [0.1, 0.7]), answer("v", key, [0.5], ids=["tx"], at=2_000_000)]
        )
        taken = ledger.add_labels(
            connection, key, [Label("u-1", 1), Label("tx", 0), Label("tx", 0), Label("w", 1)]
        )
        assert (taken.new, taken.changed, taken.repeated) == (3, 0, 1)
    with store.reading() as connection:
        read = ledger.requests(connection, key)
        rows = ledger.with_truth(connection, key, ledger.predictions(read))
        assert rows.select("prediction", "probability", "alert", "truth").rows() == [
            ("u-0", 0.1, False, None), ("u-1", 0.7, True, 1), ("tx", 0.5, True, 0),
        ]  # fmt: skip
        assert ledger.requests(connection, key, since=2_000_000)["uid"].to_list() == ["v"]
        assert ledger.requests(connection, key, until=2_000_000)["uid"].to_list() == ["u"]
        assert ledger.requests(connection, key, after=read["id"][0])["uid"].to_list() == ["v"]
        assert ledger.requests(connection, key, version=9).height == 0
        assert ledger.truths(connection, key).select("prediction", "truth").sort("prediction").rows() == [
            ("tx", 0), ("u-1", 1), ("w", 1),
        ]  # fmt: skip


def test_several_classes_keep_a_probability_each(store, bundle):
    key = create(store, "fraud", keep(store, *bundle), source="here", actor="ann").id
    with store.writing() as connection:
        ledger.record(connection, [answer("u", key, [[0.2, 0.3, 0.5], [1, 0, 0]], threshold=None)])
    with store.reading() as connection:
        rows = ledger.predictions(ledger.requests(connection, key))
    assert rows["probability"].to_list() == [[0.2, 0.3, 0.5], [1, 0, 0]]
    assert rows["alert"].to_list() == [None, None]


def test_what_fails_half_way_is_not_kept(store, bundle):
    key = create(store, "fraud", keep(store, *bundle), source="here", actor="ann").id
    two = [answer("u", key, [0.1]), answer(None, key, [0.1])]
    with pytest.raises(IntegrityError), store.writing() as connection:
        ledger.record(connection, two)
    with store.reading() as connection:
        assert ledger.requests(connection, key).height == 0


def test_many_write_at_once(store, bundle):
    """Two stores on one database, as two servers; every answer is kept, every change has a number of its own."""
    key = create(store, "fraud", keep(store, *bundle), source="here", actor="ann").id
    other = Store(store.url.render_as_string(hide_password=False))
    refused = []

    def write(to, name):
        for k in range(20):
            with to.writing() as connection:
                ledger.record(connection, [answer(f"{name}{k}", key, [0.1])])
        try:
            update(to, "fraud", Change(line=0.3), actor=name)
        except Refused as error:
            refused.append(error.status)

    threads = [
        threading.Thread(target=write, args=(to, name))
        for to, name in ((store, "a"), (other, "b"), (other, "c"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        assert ledger.requests(connection, key)["uid"].n_unique() == 60
        numbers = [version.number for version in d.versions(connection, key)]
    other.close()
    assert set(refused) <= {409}
    assert numbers == list(range(1, 5 - len(refused)))


def test_a_server_runs_on_it(store, bundle):
    create(store, "fraud", keep(store, *bundle), source="here", actor="ann")
    with in_thread(store) as client:
        said = client.post("/invocations", json=[ROW, ROW]).json()
        identity = said["predictions"][1]["id"]
        assert (
            client.post("/endpoints/fraud/labels", json={"labels": [{"id": identity, "label": 1}]}).json()[
                "new"
            ]
            == 1
        )
        rows = client.get("/endpoints/fraud/predictions").json()["predictions"]
        assert [row["truth"] for row in rows] == [None, 1]
        assert client.patch("/endpoints/fraud", json={"line": 0.01}).json()["version"] == 2
        assert client.get("/health").json()["status"] == "ok"


def test_tokens_are_kept_as_hashes(store):
    with store.writing() as connection:
        token = tokens.make(connection, "ann", ["score", "read"])
        assert tokens.holder(connection, token).scopes == {"score", "read"}
        assert tokens.holder(connection, token + "x") is None
        assert token not in str(connection.execute(tables.tokens.select()).all())
        tokens.revoke(connection, "ann")
        assert not tokens.holder(connection, token).may("read")


# --- migrations -----------------------------------------------------------------------------------------------


def shape(connection):
    """Tables, columns and indexes of a store."""
    found = inspect(connection)
    return {
        name: (
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)),
            sorted(str(i["name"]) for i in found.get_indexes(name)),
        )
        for name in sorted(found.get_table_names())
    }


def test_a_fresh_store_knows_every_step(store):
    with store.writing() as connection:
        assert migrate(connection) == []
        assert connection.scalars(text("SELECT number FROM schema_steps ORDER BY number")).all() == [
            step.number for step in STEPS
        ]


def test_steps_make_an_old_store_what_a_fresh_one_is(store):
    with store.writing() as connection:
        fresh = shape(connection)
        tables.metadata.drop_all(connection)
    with store.writing() as connection:
        tables.steps.create(connection)
        for step in STEPS:
            step.run(connection)
        assert shape(connection) == fresh


def without_numbers_for_good(connection):
    """Make the tables as they were before step 3, in SQLite."""
    for table in tables.metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=connection.dialect)).replace(" AUTOINCREMENT", "")
        connection.exec_driver_sql(made)
        for index in table.indexes:
            index.create(connection)
    for step in STEPS[:2]:
        connection.execute(tables.steps.insert().values(number=step.number, name=step.name, at=0))


def test_an_old_store_keeps_its_rows_and_gives_numbers_once_from_now_on(tmp_path, bundle):
    url = f"sqlite:///{tmp_path}/store.db"
    store = Store(url)
    with store.writing(checks_references=False) as connection:
        fresh = shape(connection)
        tables.metadata.drop_all(connection)
        without_numbers_for_good(connection)
    keep(store, *bundle)
    create(store, "fraud", bundle[0], source="test", actor="test")
    with store.writing() as connection:
        ledger.record(connection, [answer(f"r{k}", 1, [0.1]) for k in range(3)])
        ledger.add_labels(connection, 1, [Label("r0-0", 1)])
    store.close()
    store = Store(url)
    with store.writing() as connection:
        assert shape(connection) == fresh
        assert ledger.requests(connection, 1)["uid"].to_list() == ["r0", "r1", "r2"]
        assert ledger.truths(connection, 1)["truth"].to_list() == [1]
        assert d.version(connection, 1, 1).bundle == bundle[0]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        ledger.forget(connection, 2_000_000)
        ledger.record(connection, [answer("r3", 1, [0.1])])
        assert ledger.requests(connection, 1, after=3)["uid"].to_list() == ["r3"]
    delete(store, "fraud", actor="test", with_records=True)
    with store.writing() as connection:
        assert len(ledger.requests(connection, 1)) == 0  # references are enforced again: they went with it
    store.close()


def test_a_number_is_given_once(store, bundle):
    keep(store, *bundle)
    with store.reading() as connection:
        marks = [d.mark(connection)]
    seen = []
    for _ in range(2):
        made = create(store, "fraud", bundle[0], source="test", actor="test")
        seen.append(made.id)
        with store.writing() as connection:
            marks.append(d.mark(connection))
            ledger.record(connection, [answer("r", made.id, [0.1]), answer("s", made.id, [0.1])])
            seen += ledger.requests(connection, made.id)["id"].to_list()
            ledger.forget(connection, 2_000_000)
        delete(store, "fraud", actor="test", with_records=True)
    assert seen[3] > seen[0]
    assert min(seen[4:]) > max(seen[1:3])
    assert len(set(marks)) == len(marks)


def test_answers_of_versions_of_more_and_fewer_classes_are_told_apart(store, bundle):
    keep(store, *bundle)
    made = create(store, "fraud", bundle[0], source="test", actor="test")
    three = [[0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2]]
    with store.writing() as connection:
        ledger.record(
            connection,
            [answer("a", made.id, [0.7, 0.1]), answer("b", made.id, three, version=2, threshold=None)],
        )
        found = ledger.predictions(ledger.requests(connection, made.id))
    assert found["probability"].to_list() == [[0.7], [0.1], *three]
    assert found["prediction"].to_list() == ["a-0", "a-1", "b-0", "b-1", "b-2"]


def test_a_step_runs_once_and_a_failed_one_leaves_nothing(url):
    Store(url).close()
    ran = []
    more = (*STEPS, Step(99, "one more", lambda connection: ran.append(99)))
    broken = (*more, Step(100, "broken", lambda connection: 1 / 0))
    store = Store(url)
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        migrate(connection, broken)
    for _ in range(2):
        with store.writing() as connection:
            migrate(connection, more)
    assert ran == [99, 99]
    with pytest.raises(StoreError, match="step 99"):
        Store(url)
    store.close()


# --- packing --------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.lists(npst.arrays(np.uint8, st.tuples(st.sampled_from([0, 1, 5, 40, 100]), st.just(3))), max_size=5)
)
def test_bins_add_up_however_they_are_packed(batches):
    whole = np.vstack([np.empty((0, 3), dtype=np.uint8), *batches])
    wanted = np.array([np.bincount(whole[:, j], minlength=256) for j in range(3)])
    assert (bins.counts([None, *map(bins.packed, batches)], 3) == wanted).all()
