"""Rows of requests: read by columns as one by one, scored as numbers as in frames, binned as the schema bins."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import counterpoise as cp
from counterpoise.bundle import FeatureSchema, Histogram, Model, Schema
from counterpoise.learn import BoostingClassifier, LogisticClassifier
from counterpoise.serve import answers
from counterpoise.serve.bins import Binner, counts
from counterpoise.serve.bodies import at_once, matrix_at_once, parsed
from counterpoise.serve.contract import Contract, as_seconds
from counterpoise.serve.models import Served
from counterpoise.serve.refusals import Refused
from serving import FEATURES, model, payments

NUMBERS = frozenset({"amount", "hour"})
SCHEMA = Schema.of(cp.read(payments(), target="fraud", id="tx"))


def dated():
    """Payments with a date, a boolean and two categories, a few values missing."""
    frame = payments(n=500, seed=2)
    days = pl.Series(
        "at", np.datetime64("2026-01-01T00:00:00", "us") + np.arange(500) * np.timedelta64(2221, "s")
    )
    mixed = frame.with_columns(
        days.cast(pl.Datetime("us")), pl.Series("shop", [f"s{k % 7}" for k in range(500)])
    )
    return mixed.with_columns(shop=pl.when(pl.int_range(500) % 11 == 3).then(None).otherwise("shop"))


@pytest.mark.parametrize("learner", [LogisticClassifier(), BoostingClassifier(max_iter=20, random_state=0)])
def test_rows_read_as_numbers_are_scored_as_in_frames(learner):
    frame = dated()
    table = cp.read(frame, target="fraud", id="tx")
    fitted = learner.fit(table.X, table.y)
    made = Model(fitted, table.labels, Schema.of(table), model().operating_point)
    served = Served(1, made, Contract(made.schema))
    assert served._takes_numbers
    sent = frame.select(made.schema.names).with_columns(pl.col("at").dt.to_string("iso:strict"))
    body = json.dumps({"instances": sent.to_dicts()}).encode()
    rows = served.contract.rows(body, "application/json")
    np.testing.assert_allclose(served.probability(rows), made.predict_proba(table.X)[:, 1], rtol=1e-9)
    np.testing.assert_array_equal(
        rows.frame.select("at", "shop"), made.schema.conform(table.X).select("at", "shop")
    )


def test_bins_are_those_of_the_schema():
    made = model()
    frame = (
        payments(seed=4).select(FEATURES).with_columns(channel=pl.lit("fax"), is_new=pl.lit(None, pl.Boolean))
    )
    frame = pl.concat([frame, payments(seed=5).select(FEATURES)])
    contract, binner = Contract(made.schema, is_lenient=True), Binner(made.schema.features)
    rows = contract.rows(json.dumps(frame.to_dicts()).encode(), "application/json")
    wanted = made.schema.bins(made.schema.conform(frame))
    np.testing.assert_array_equal(binner.codes(rows.columns), wanted)
    for k in (0, 7, 700, 1100):
        np.testing.assert_array_equal(
            binner.codes([column[k : k + 1] for column in rows.columns])[0], wanted[k]
        )
    for n in (32, 33, len(frame)):  # kept as codes, and as counts
        counted = [np.bincount(column, minlength=256) for column in wanted[:n].T]
        np.testing.assert_array_equal(
            counts([binner.packed([column[:n] for column in rows.columns])], wanted.shape[1]), counted
        )


def test_values_at_edges_are_counted_below_them_and_missing_ones_apart():
    edges = [0.0, 1.0, 2.5]
    feature = FeatureSchema(
        name="x", kind="number", dtype="Float64", histogram=Histogram(edges=edges, counts=[1.0] * 5)
    )
    binner = Binner([feature])
    values = np.array([*edges, *np.nextafter(edges, 9), -1e30, 1e30, np.nan, -0.0] * 9)
    one_by_one = np.bincount(binner.codes([values])[:, 0], minlength=256)
    np.testing.assert_array_equal(counts([binner.packed([values])], 1)[0], one_by_one)
    assert one_by_one[:5].tolist() == [27, 18, 18, 18, 9]


_CELL = {
    "amount": st.sampled_from(["", "1", "-2.5", "1e3", "+7", "nan", "inf", "1e999", "1_0", "x", " 1", "0x1"]),
    "channel": st.sampled_from(["", "web", "shop", "fax", "a b"]),
    "is_new": st.sampled_from(["", "true", "False", "1", "0", "maybe"]),
    "hour": st.sampled_from(["", "3", "3.0", "1e400", "--1"]),
}
_ROWS = st.lists(
    st.tuples(*_CELL.values()).map(list) | st.lists(st.just("1"), max_size=6), min_size=1, max_size=4
)


@settings(max_examples=150, deadline=None)
@given(_ROWS, st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_by_columns_nothing_is_read_otherwise(rows, with_header, end, with_tail):
    """Where the quick way takes a CSV, the slow one gives the same; where the slow one refuses, so does the quick."""
    lines = [",".join(FEATURES)] * with_header + [",".join(row) for row in rows]
    body = (end.join(lines) + end * with_tail).encode()
    contract = Contract(SCHEMA)
    quick = at_once(body, contract.names, NUMBERS, None)
    try:
        slow = contract.conform(parsed(body, "text/csv", contract.names))
    except ValueError as error:
        if quick is not None:
            with pytest.raises(type(error)):
                contract.conform(quick)
        return
    if quick is not None:
        assert contract.conform(quick).frame.equals(slow.frame)


_NUMBERS = Schema.of(cp.read(payments().select("amount", "hour", "fraud"), target="fraud"))
_SHOWN = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=25, min_value=-5, max_value=5).map(str),
    st.sampled_from(["null", "1e5", "1E+2", "-0", "5e-324", "1e999", "01", ".5", "+1", "NaN", "Infinity", "true", "[1]",
                     '"1"', "{}", "", "1_0", "1 2", "nul", "]]", "[["]),
)  # fmt: skip
_MATRIX = st.lists(
    st.lists(_SHOWN, min_size=2, max_size=2).map(lambda cells: f"[{', '.join(cells)}]")
    | st.sampled_from(["[1]", "[1, 2, 3]", "[]", "7", "null", "[[1, 2]]", "[1 ,\t2]"]),
    min_size=1,
    max_size=4,
)
_AROUND = st.sampled_from(
    [
        "%s",
        '{"instances": %s}',
        '{"inputs": %s}',
        '{"dataframe_split": {"columns": ["hour", "amount"], "data": %s}}',
        '{"dataframe_split": {"data": %s, "columns": ["amount", "hour"]}}',
        '{"dataframe_split": {"columns": ["hour", "hour"], "data": %s}}',
        '{"dataframe_split": {"index": [[1, 7], [1, 8]], "columns": ["hour", "amount"], "data": %s}}',
        '{"dataframe_split": {"index": %s, "data": [ [1, 2], [3, 4] ]}}',
        '{"dataframe_split": {"index": %s, "data": [ ["the rows stand here", "the rows stand here"] ]}}',
        '{"dataframe_split": {"index": {"data": %s}, "data": [ [1, 2] ]}}',
        '{"instances": %s, "ids": ["a", "b"]}',
        '{"ids": [["a"]], "instances": %s}',
        '{"instances": %s, "params": {}} ',
        '{"instances": %s, "instances": [[1, 2]]}',
        '{"instances": %s, "instances": [{"features": [0.0, 0.0]}]}',
        '{"instances": %s, "inst\\u0061nces": [ [0.0, 0.0] ]}',
        '{"instances": %s',
        '{"amount": %s}',
    ]
)


@settings(max_examples=400, deadline=None)
@given(_MATRIX, _AROUND, st.sampled_from([",", ", ", ",\n"]))
def test_a_matrix_of_numbers_is_read_as_any_document_is(rows, around, between):
    """Where the quick way takes a document, the slow one gives the same, or refuses the same."""
    body = (around % f"[{between.join(rows)}]").encode()
    contract = Contract(_NUMBERS)
    quick = matrix_at_once(body, contract.names, contract._numbers)
    if quick is None:
        return
    slow = parsed(body, "application/json", contract.names)
    try:
        wanted = contract.conform(slow)
    except Refused as refused:
        with pytest.raises(Refused, match=re.escape(refused.given)):
            contract.conform(quick)
        return
    found = contract.conform(quick)
    assert found.frame.equals(wanted.frame)
    assert found.ids == wanted.ids


@pytest.mark.parametrize("around", ["%s", '{"instances": %s}', '{"dataframe_split": {"data": %s}}'])
def test_a_matrix_of_numbers_is_taken_at_once(around):
    body = (around % "[[1.5, 2], [null, 3]]").encode()
    quick = matrix_at_once(body, ["amount", "hour"], {"amount", "hour"})
    assert quick is not None
    np.testing.assert_array_equal(quick.columns["amount"], [1.5, np.nan])
    np.testing.assert_array_equal(quick.columns["hour"], [2.0, 3.0])
    assert matrix_at_once(body, ["amount", "hour"], {"amount"}) is None


def test_the_data_of_a_split_frame_are_scored_not_its_index():
    """Of a frame with a MultiIndex pandas writes the index first, as lists of numbers like the rows."""
    rows = [[float(k), k % 24] for k in range(600)]
    split = {"columns": ["amount", "hour"], "index": [[7, k] for k in range(600)], "data": rows}
    for order in (["columns", "index", "data"], ["data", "index", "columns"]):
        body = json.dumps({"dataframe_split": {key: split[key] for key in order}}).encode()
        found = Contract(_NUMBERS).rows(body, "application/json")
        np.testing.assert_array_equal(np.transpose(found.columns), rows)


def test_an_empty_cell_is_one_thing_in_small_tables_and_in_large_ones():
    """The level "" where the model has learnt one, else missing; JSON tells the two apart."""
    frame = payments().with_columns(channel=pl.col("channel").replace("phone", ""))
    empty = Schema.of(cp.read(frame, target="fraud", id="tx"))
    many = empty.model_copy(
        update={
            "features": [
                each.model_copy(update={"levels": None}) if each.kind == "category" else each
                for each in empty.features
            ]
        }
    )
    for contract, wanted in (
        (Contract(empty), ""),
        (Contract(empty, is_lenient=True), ""),
        (Contract(SCHEMA), None),
        (Contract(SCHEMA, is_lenient=True), None),
        (Contract(many), None),
    ):
        place = contract.names.index("channel")
        for n_rows in (1, 2000):
            for ending in ("", '5,"",true,3\n'):  # with a quote, no body is read by columns
                text = "amount,channel,is_new,hour\n" + "5,,true,3\n" * n_rows + ending
                values = contract.rows(text.encode(), "text/csv").columns[place]
                assert set(values) == {wanted}
    records = json.dumps([{"amount": 1, "channel": each, "is_new": True, "hour": 2} for each in ("", None)])
    assert Contract(empty).rows(records.encode(), "application/json").columns[1] == ["", None]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "lines", [["", "1", "2"], ["1", "", "2"], ["1", "2", "", ""], ["amount", "", "1", "2"]]
)
def test_a_blank_line_is_no_row_where_there_is_one_column(lines, end):
    schema = Schema.of(cp.read(payments().select("amount", "fraud"), target="fraud"))
    contract = Contract(schema)
    for more in (0, 3000):  # few bytes, and many
        body = end.join([*lines, *["3"] * more]).encode()
        found = contract.rows(body, "text/csv").columns[0]
        assert found.tolist() == [1, 2] + [3] * more


def test_a_line_may_end_as_it_did_on_old_machines():
    body = b"channel\n" + b"web\rshop\n" * 1000
    table = cp.read(payments().select("channel", "fraud"), target="fraud")
    assert Contract(Schema.of(table), is_lenient=True).rows(body, "text/csv").n_rows == 2000


def test_dates_are_binned_by_what_a_clock_cannot_explain():
    table = cp.read(dated(), target="fraud", id="tx")
    schema = Schema.of(table)
    found = next(each for each in schema.features if each.name == "at")
    first, last = (
        datetime.fromtimestamp(end, UTC).replace(tzinfo=None) for end in (found.lower, found.upper)
    )
    assert (first, last) == (table.frame["at"].min(), table.frame["at"].max())
    assert found.histogram.counts == [0, 500, 0, 0, 0]
    now = datetime.now(UTC).replace(tzinfo=None)
    dates = [first - timedelta(seconds=1), datetime(1970, 1, 1), first, last, now, now + timedelta(hours=14),
             datetime(2999, 12, 31), None]  # fmt: skip
    wanted = [0, 0, 1, 1, 1, 1, 2, 4]
    assert found.date_codes(as_seconds(dates), now.timestamp()).tolist() == wanted
    rows = table.X.head(1).select(pl.all().repeat_by(len(dates)).explode()).with_columns(at=pl.Series(dates))
    place = schema.names.index("at")
    assert schema.bins(schema.conform(rows))[:, place].tolist() == wanted
    sent = rows.with_columns(pl.col("at").dt.to_string("iso:strict")).to_dicts()
    contract, binner = Contract(schema), Binner(schema.features)
    assert binner.codes(contract.conform(_body(sent)).columns)[:, place].tolist() == wanted
    for row, code in zip(sent, wanted, strict=True):
        assert binner.codes(contract.conform(_body([row])).columns)[0, place] == code


def _body(rows):
    return parsed(json.dumps(rows).encode(), "application/json", list(rows[0]))


@pytest.mark.parametrize("labels", [(0, 1), (False, True), ("a{0}", 'b"}\\')])
@pytest.mark.parametrize("n_rows", [answers.FEW_ROWS, answers.FEW_ROWS + 1, 300])
def test_many_rows_are_answered_as_each_alone(labels, n_rows):
    made = replace(model(), labels=labels)
    served = Served(3, made, Contract(made.schema))
    p = np.append(np.random.default_rng(0).random(n_rows - 3) ** 9, [0.0, 1.0, made.threshold])
    ids = [f'{{}}"{k}\u00e9' for k in range(n_rows)]
    rows = json.loads(answers.as_json(served, "e", "champion", p, ids))["predictions"]
    lines = [json.loads(line) for line in answers.as_json_lines(served, p, ids).splitlines()]
    alone = [json.loads(answers.as_json_lines(served, p[[k]], [name])) for k, name in enumerate(ids)]
    assert rows == lines == alone
    assert [row["score"] for row in rows] == p.tolist()  # to the last bit
    assert [row["predicted_label"] for row in rows] == [labels[int(each >= made.threshold)] for each in p]
    numbered = json.loads(answers.as_json(served, "e", "champion", p, "abc"))["predictions"]
    assert [row["id"] for row in numbered] == [f"abc-{k}" for k in range(n_rows)]
