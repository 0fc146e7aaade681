"""Reading tables: every source, every role, every wrong input."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.errors import InputError, RoleError, TableError, TypeOfInputError
from counterpoise.table.chunks import chunks_of
from counterpoise.table.files import read_frame, write_frame

ROWS = pl.DataFrame(
    {
        "a": [1.0, 2.0, None, 4.0, 5.0, 6.0],
        "s": ["x", "y", None, "x", "y", "x"],
        "k": [1, 2, 3, 4, 5, 7],
        "label": [0, 0, 0, 1, 0, 1],
    }
)

WRITERS = {
    "csv": pl.DataFrame.write_csv,
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "parquet": pl.DataFrame.write_parquet,
    "arrow": pl.DataFrame.write_ipc,
    "jsonl": pl.DataFrame.write_ndjson,
}


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_reads_to_the_same_table(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    WRITERS[suffix](ROWS, path)
    table = cp.read(path, target="label")
    assert table.X.equals(ROWS.drop("label"))
    assert table.y.tolist() == ROWS["label"].to_list()
    assert table.kinds == {"a": "number", "s": "category", "k": "number"}


def test_a_compressed_csv_reads(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(ROWS.write_csv().encode()))
    assert cp.read(path, target="label").frame.equals(ROWS)


def test_several_files_and_patterns_stack_in_order(tmp_path):
    ROWS[:3].write_parquet(tmp_path / "part-0.parquet")
    ROWS[3:].write_parquet(tmp_path / "part-1.parquet")
    for source in (
        str(tmp_path / "part-*.parquet"),
        [tmp_path / "part-0.parquet", tmp_path / "part-1.parquet"],
        tmp_path,
    ):
        assert cp.read(source, target="label").frame.equals(ROWS)


@pytest.mark.parametrize(
    "convert", [lambda f: f, pl.DataFrame.to_pandas, pl.DataFrame.to_arrow, pl.DataFrame.lazy]
)
def test_every_frame_reads_to_the_same_rows(convert):
    table = cp.read(convert(ROWS), target="label")
    assert table.frame["a"].to_list() == ROWS["a"].to_list()
    assert table.frame["s"].to_list() == ROWS["s"].to_list()


def test_arrays_read_without_a_target_name():
    table = cp.read((np.arange(12.0).reshape(6, 2) ** 2, ROWS["label"].to_numpy()))
    assert table.features == ("x0", "x1")
    assert table.n_positive == 2


def test_the_rarer_label_is_positive_and_another_can_be_named():
    assert cp.read(ROWS, target="label").labels == (0, 1)
    assert cp.read(ROWS, target="label", positive="0").labels == (1, 0)
    assert cp.read(ROWS.with_columns(label=pl.col("label") == 0), target="label").positive is False
    texts = ROWS.with_columns(label=pl.Series(["n", "n", "n", "y", "n", "y"]))
    assert cp.read(texts, target="label").positive == "y"


def test_several_labels_stay_or_one_against_the_rest():
    frame = ROWS.with_columns(label=pl.Series([0, 0, 1, 1, 2, 2]))
    assert len(cp.read(frame, target="label").labels) == 3
    assert cp.read(frame, target="label", positive=2).labels == ("not 2", 2)


def test_roles_are_no_features_but_the_amount_is():
    frame = ROWS.with_columns(
        at=pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 1, 6), "1d", eager=True),
        card=pl.Series(list("ppqqrr")),
        eur=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.5]),
        w=pl.Series([1.0, 1.0, 2.0, 1.0, 1.0, 1.0]),
    )
    table = cp.read(frame, target="label", time="at", group="card", amount="eur", weight="w", id="k")
    assert set(table.features) == {"a", "s", "eur"}
    assert table.n_days == 6
    assert table.groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.weights.sum() == 7


def test_a_time_in_words_is_parsed():
    frame = ROWS.with_columns(at=pl.Series([f"2026-01-0{d}T00:00:00" for d in range(1, 7)]))
    assert cp.read(frame, target="label", time="at").n_days == 6


def test_columns_that_cannot_inform_are_left_out_and_said_so():
    frame = ROWS.with_columns(
        one=pl.lit(1), none=pl.lit(None, pl.Float64), uid=pl.Series([f"u{k}" for k in range(6)]),
        row=pl.int_range(6), lists=pl.Series([[1]] * 6),
    )  # fmt: skip
    left_out = cp.read(frame, target="label", drop=["k"]).left_out
    assert set(left_out) == {"one", "none", "uid", "row", "lists", "k"}
    assert left_out["one"] == "constant"


def test_the_fingerprint_stands_for_the_content_not_the_source(tmp_path):
    ROWS.write_csv(tmp_path / "rows.csv")
    first, second = cp.read(ROWS, target="label"), cp.read(tmp_path / "rows.csv", target="label")
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != cp.read(ROWS[::-1], target="label").fingerprint
    assert first.fingerprint != cp.read(ROWS.with_columns(a=pl.col("a") + 1e-9), target="label").fingerprint


WRONG_FILES = {
    "rows.csv": ("", "is empty"),
    "head.csv": ("a,label\n", "0 rows"),
    "twice.csv": ("a,a,label\n1,2,0\n2,3,1\n", "more than one column named 'a'"),
    "inf.csv": ("a,label\ninf,0\n2,1\n3,0\n4,1\n", "infinite values in 'a' (1)"),
    "null.csv": ("a,label\n1,\n2,1\n3,0\n", "1 missing values, first in rows 0"),
    "one.csv": ("a,label\n1,0\n2,0\n3,0\n", "is 0 in all 3 rows"),
    "ragged.csv": ("a,label\n1,0\n2,1,3\n", "cannot be read"),
    "rows.xyz": ("a", "ends in '.xyz'"),
    "cut.parquet": ("PAR1 and then nothing", "cannot be read"),
    "bad.jsonl": ('{"a": 1}\n{"a": ', "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_gets_one_message_in_four_parts(tmp_path, name):
    text, words = WRONG_FILES[name]
    with pytest.raises(InputError) as caught:
        cp.read(write(tmp_path / name, text), target="label")
    assert words in caught.value.given
    assert caught.value.expected
    assert caught.value.why
    assert caught.value.hint


def test_a_truncated_parquet_file_is_refused(tmp_path):
    ROWS.write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match=r"cut\.parquet"):
        cp.read(tmp_path / "cut.parquet", target="label")


def test_an_absent_file_names_its_neighbours(tmp_path):
    ROWS.write_csv(tmp_path / "payments.csv")
    with pytest.raises(TableError, match=r"Did you mean 'payments\.csv'"):
        cp.read(tmp_path / "payment.csv", target="label")


def test_files_with_other_columns_are_named(tmp_path):
    ROWS.write_csv(tmp_path / "p0.csv")
    ROWS.rename({"a": "b"}).write_csv(tmp_path / "p1.csv")
    with pytest.raises(TableError, match=r"p1\.csv.*b in addition and not a"):
        cp.read(tmp_path / "p*.csv", target="label")


WRONG_ROLES = [
    ({"target": "lable"}, "Did you mean 'label'"),
    ({"target": None}, "No target was given"),
    ({"positive": 7}, "'label'"),
    ({"time": "s"}, "is of type String"),
    ({"time": "a"}, "missing values"),
    ({"group": "zzz"}, "no column 'zzz' for group"),
    ({"group": "k", "id": "k"}, "as group and as id"),
    ({"weight": "s"}, "Expected numbers"),
    ({"target": "k"}, "as many values"),
    ({"drop": ["nope"]}, "no column 'nope'"),
]


@pytest.mark.parametrize(("roles", "words"), WRONG_ROLES)
def test_a_wrong_role_is_refused(roles, words):
    with pytest.raises(RoleError) as caught:
        cp.read(ROWS, **{"target": "label", **roles})
    assert words in str(caught.value)


def test_negative_weights_are_refused():
    with pytest.raises(RoleError, match="1 negative values, first in rows 2"):
        cp.read(ROWS.with_columns(w=pl.Series([1, 1, -1, 1, 1, 1])), target="label", weight="w")


def test_one_positive_is_not_enough():
    with pytest.raises(RoleError, match="at least 2 rows of each class"):
        cp.read(ROWS.with_columns(label=pl.Series([0, 0, 0, 0, 0, 1])), target="label")


def test_a_frame_with_a_repeated_column_is_refused():
    frame = pd.DataFrame([[1, 2, 0], [2, 3, 1], [2, 5, 1], [2, 3, 0]], columns=["a", "a", "label"])
    with pytest.raises(TableError, match="more than one column named 'a'"):
        cp.read(frame, target="label")


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(TableError, match="No column is left"):
        cp.read(pl.DataFrame({"a": [1, 1, 1, 1], "label": [0, 0, 1, 1]}), target="label")


def test_other_things_are_refused():
    with pytest.raises(TypeOfInputError, match="int"):
        cp.read(3, target="label")
    with pytest.raises(TableError, match="6 rows and y has 5"):
        cp.read((np.ones((6, 2)), np.ones(5)))


# --- what stands in a CSV file ----------------------------------------------------------------------------------


def read_both_ways(path):
    """Read a file whole and in chunks: both must say the same of it."""
    whole, pieces = read_frame(path)[0], [chunk.read() for chunk in chunks_of(path, 2)]
    assert pl.concat(pieces).equals(whole)
    return whole


def refused_both_ways(path, words):
    for reader in (read_frame, chunks_of):
        with pytest.raises(TableError, match=words) as caught:
            [chunk.read() for chunk in reader(path)]
        assert caught.value.hint


def dates(form, last_day):
    days = [(month, day) for month in range(1, 5) for day in range(1, last_day + 1)]
    lines = [f"{form.format(m=m, d=d)},{m * d % 7},{int(m * d % 5 == 0)}" for m, d in days]
    return "\n".join(["when,a,label", *lines]) + "\n"


@pytest.mark.parametrize("form", ["{m:02}/{d:02}/2024", "{m}/{d}/2024", "{m:02}-{d:02}-2024 10:00"])
def test_dates_that_can_be_read_two_ways_stay_text_and_are_no_time(tmp_path, form):
    path = write(tmp_path / "rows.csv", dates(form, 12))
    assert read_both_ways(path).schema["when"] == pl.String
    for source in (path, pd.read_csv(path)):
        with pytest.raises(RoleError, match=r"read in two ways: .*2024-02-01.*2024-01-02") as caught:
            cp.read(source, target="label", time="when")
        assert "ISO 8601" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [dates("{d:02}/{m:02}/2024", 28), dates("{d}.{m}.2024", 12), dates("2024-{m:02}-{d:02}", 12),
     dates("2024/{m:02}/{d:02}", 12),
     "when,a,label\n" + "".join(f"{m:02}/{m:02}/2024,{m * m},{m % 2}\n" for m in range(1, 13))],
)  # fmt: skip
def test_dates_with_one_reading_are_read(tmp_path, text):
    path = write(tmp_path / "rows.csv", text)
    assert read_both_ways(path).schema["when"] == pl.Date
    assert cp.read(path, target="label", time="when").n_days > 10


def test_one_file_says_how_the_dates_of_the_others_are_read(tmp_path):
    write(tmp_path / "a.csv", "when,label\n01/02/2024,0\n03/02/2024,1\n")
    write(tmp_path / "b.csv", "when,label\n25/02/2024,0\n26/02/2024,1\n")
    assert read_both_ways(tmp_path)["when"].dt.month().unique().to_list() == [2]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_another_separator_is_read_where_header_and_rows_agree(tmp_path, separator, mark):
    path = tmp_path / "rows.csv"
    path.write_text(mark + ROWS.write_csv(separator=separator), encoding="utf-8")
    assert read_both_ways(path).equals(ROWS)


def test_another_separator_on_which_rows_do_not_agree_is_named(tmp_path):
    refused_both_ways(
        write(tmp_path / "rows.csv", "a;b;label\n1;2;0\n3;1\n"), "has semicolons instead of commas"
    )


def test_decimal_commas_are_named(tmp_path):
    path = write(tmp_path / "rows.csv", "a;s;label\n1,5;x,y;0\n2;z;1\n")
    refused_both_ways(path, r"decimal commas in 'a' \(for example 1,5\)\.")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("latin-1", "Latin-1 or Windows-1252 .line 40001 has 'José,1'"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
    ],
)
def test_another_encoding_is_named(tmp_path, encoding, words):
    path = tmp_path / "rows.csv"
    path.write_bytes(("s,label\n" + "Ana,0\n" * 39_999 + "José,1\n").encode(encoding))
    refused_both_ways(path, f"not UTF-8 text; it looks like {words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,label\n1,2,0\n3,1\n5,6,1\n", "Line 3 .* has 2 of 3 fields"),
        ("a,b,label\n1,2,0\n3,4,1\n5", "Line 4 .* has 1 of 3 fields"),
        ('a,s,label\n1,"x\ny, z",0\n"3, 4, 5",1\n', "Line 4 .* has 2 of 3 fields"),
        ("a,b,label\n1,2,0\n3,4,1\n\n", "Line 4 .* has 0 of 3 fields"),
    ],
)
def test_a_line_cut_short_is_refused_by_its_number(tmp_path, text, words):
    refused_both_ways(write(tmp_path / "rows.csv", text), words)


def test_empty_fields_at_the_end_are_missing_values(tmp_path):
    path = write(tmp_path / "rows.csv", '\nlabel,s,a\n0,"x\ny",\n1,,\n0,z,5\n')
    assert read_both_ways(path)["a"].to_list() == [None, None, 5]


def test_a_header_is_unquoted_as_pandas_does(tmp_path):
    path = write(tmp_path / "rows.csv", '"q""uote","a, b",label\n1,x,0\n2,y,1\n')
    assert read_both_ways(path).columns == list(pd.read_csv(path).columns) == ['q"uote', "a, b", "label"]


def test_a_header_alone_goes_with_any_type(tmp_path):
    write(tmp_path / "part-0.csv", "a,label\n")
    write(tmp_path / "part-1.csv", "a,label\n1.5,0\n2.5,1\n")
    assert read_both_ways(tmp_path)["a"].to_list() == [1.5, 2.5]
    assert set(chunks_of(tmp_path / "part-0.csv").schema.values()) == {pl.Null()}


def test_pieces_are_the_file_in_order(tmp_path):
    for suffix, writer in WRITERS.items():
        path = tmp_path / f"rows.{suffix}"
        writer(ROWS, path)
        pieces = [chunk.read() for chunk in chunks_of(path, 2)]
        assert [piece.height for piece in pieces[:-1]] == [2] * (len(pieces) - 1)
        assert pl.concat(pieces).equals(ROWS)


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(TableError, match="ends in"):
        write_frame(ROWS, tmp_path / "rows.xls")
    (tmp_path / "file").write_text("")
    with pytest.raises(TableError, match="cannot be written"):
        write_frame(ROWS, tmp_path / "file" / "rows.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# --- numbers and names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "dtype"), [(10**29, pl.Int128), (2**63 + 5, pl.UInt64), (-(2**63), pl.Int64), (3, pl.UInt8)]
)
def test_whole_numbers_of_any_size_are_numbers_or_row_numbers(start, dtype):
    apart, in_a_row = ([start + step * k for k in range(6)] for step in (3, 1))
    frame = ROWS.with_columns(far=pl.Series(apart, dtype=dtype), row=pl.Series(in_a_row, dtype=dtype))
    table = cp.read(frame, target="label")
    assert table.kinds["far"] == "number"
    assert "row number" in table.left_out["row"]


def test_whole_numbers_beyond_64_bits_are_read_from_files(tmp_path):
    lines = [f"{10**29 + 7 * k},{label}" for k, label in enumerate(ROWS["label"].to_list())]
    path = write(tmp_path / "rows.csv", "\n".join(["far,label", *lines]))
    assert cp.profile(cp.read(path, target="label")).features[0].name == "far"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"target": 0}, "target=0"),
        ({"target": ["label"]}, "target=['label']"),
        ({"target": "label", "time": 3, "drop": ["a", 3]}, "time=3, drop=3"),
        ({"target": "label", "drop": "a"}, "drop='a'"),
        ({"target": "label", "drop": 3}, "drop=3"),
    ],
)
def test_columns_are_named_by_texts(named, words):
    with pytest.raises(TypeOfInputError) as caught:
        cp.read(ROWS, **named)
    assert caught.value.given == f"Columns were named by {words}."


def test_times_in_eight_digits_are_dates_where_all_of_them_are():
    frame = ROWS.with_columns(at=pl.Series([20240131, 20240201, 20240229, 20240301, 20240302, 20240303]))
    assert cp.read(frame, target="label", time="at").frame["at"].dt.month().to_list() == [1, 2, 2, 3, 3, 3]
    seconds = frame.with_columns(at=pl.col("at").replace(20240131, 20240132))
    assert cp.read(seconds, target="label", time="at").frame["at"][0] == 20240132
