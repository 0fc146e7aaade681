"""Public tables fetched from a server on this machine: whole, cut short, changed, absent."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from counterpoise.datasets import PUBLIC, cache_folder, fetch
from counterpoise.datasets import fetch_catalogue as catalogue
from counterpoise.errors import OptionError, TableError


@dataclass
class Server:
    """What the server holds, how often it cuts the line, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: int = 0
    tags: bool = True
    ranges: list[str | None] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = state.files.get(self.path.strip("/"))
            state.ranges.append(self.headers.get("Range"))
            if body is None:
                self.send_error(404)
                return
            tag = '"' + hashlib.sha256(body).hexdigest()[:12] + '"'
            asked = self.headers.get("Range")
            start = int(asked[6:-1]) if asked and self.headers.get("If-Range") == tag else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            if state.tags:
                self.send_header("ETag", tag)
            self.end_headers()
            rest = body[start:]
            if state.cuts:
                state.cuts -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        state.address = f"http://127.0.0.1:{running.server_port}"
        yield state
        running.shutdown()
        thread.join()


def wine(n_rows: int = 1_599, n_positive: int = 53) -> bytes:
    rows = [f"{i / 7:.3f};{4 if i < n_positive else 5 + i % 3}" for i in range(n_rows)]
    return ("alcohol;quality\n" + "\n".join(rows) + "\n").encode()


WINE, FILE = "wine_quality_red_4", "winequality-red.csv"


def test_a_good_file_becomes_a_table_with_its_target_and_is_fetched_once(
    server: Server, tmp_path: Path
) -> None:
    server.files[FILE] = wine()
    told: list[tuple[int, int | None]] = []
    table = fetch(WINE, cache=tmp_path, mirror=server.address, on_bytes=lambda *step: told.append(step))
    assert (table.n_rows, table.n_positive, table.target, table.positive) == (1_599, 53, "label", 1)
    assert table.features == ("alcohol",)
    assert told[-1] == (len(wine()), len(wine()))
    again = fetch(WINE, cache=tmp_path, mirror="http://127.0.0.1:1")
    assert again.fingerprint == table.fingerprint
    assert len(server.ranges) == 1


def test_a_line_that_is_cut_is_taken_up_where_it_was(server: Server, tmp_path: Path) -> None:
    server.files[FILE], server.cuts = wine(), 1
    assert fetch(WINE, cache=tmp_path, mirror=server.address).n_rows == 1_599
    assert server.ranges == [None, f"bytes={len(wine()) // 2}-"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, f"{FILE}.sha256"]


def test_without_a_version_from_the_server_it_starts_anew(server: Server, tmp_path: Path) -> None:
    server.files[FILE], server.cuts, server.tags = wine(), 1, False
    assert fetch(WINE, cache=tmp_path, mirror=server.address).n_rows == 1_599
    assert server.ranges == [None, None]


def test_a_file_that_always_ends_too_early_takes_no_place_and_is_kept_for_later(
    server: Server, tmp_path: Path
) -> None:
    server.files[FILE], server.cuts = wine(), 99
    with pytest.raises(TableError, match=r"ended after .* of .* bytes"):
        fetch(WINE, cache=tmp_path, mirror=server.address)
    assert not (tmp_path / FILE).exists()
    server.cuts = 0
    assert fetch(WINE, cache=tmp_path, mirror=server.address).n_rows == 1_599
    assert server.ranges[-1] is not None


def test_a_part_of_an_older_version_is_not_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.files[FILE], server.cuts = wine(1_599, 53).replace(b"0.143", b"9.999"), 99
    with pytest.raises(TableError):
        fetch(WINE, cache=tmp_path, mirror=server.address)
    server.files[FILE], server.cuts = wine(), 0
    fetch(WINE, cache=tmp_path, mirror=server.address)
    assert (tmp_path / FILE).read_bytes() == wine()


def test_a_wrong_checksum_is_refused_and_nothing_stays(server: Server, tmp_path: Path) -> None:
    server.files[FILE] = wine()
    with pytest.raises(TableError, match=r"Expected 0000.*the published one"):
        fetch(WINE, cache=tmp_path, mirror=server.address, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_published_checksum_must_stay_what_it_was(server: Server, tmp_path: Path) -> None:
    server.files[FILE] = wine()
    fetch(WINE, cache=tmp_path, mirror=server.address)
    (tmp_path / FILE).write_bytes(wine().replace(b"0.143", b"0.144"))
    with pytest.raises(TableError, match="recorded in"):
        fetch(WINE, cache=tmp_path)


def test_other_rows_than_the_source_states_are_refused(server: Server, tmp_path: Path) -> None:
    server.files[FILE] = wine(1_500)
    with pytest.raises(TableError, match="holds 1,500 rows with 53 positives"):
        fetch(WINE, cache=tmp_path, mirror=server.address)


def test_an_absent_file_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="the server answers 404"):
        fetch(WINE, cache=tmp_path, mirror=server.address)


def test_without_a_network_it_says_where_to_place_the_file(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="place it by hand at") as caught:
        fetch(WINE, cache=tmp_path, mirror="http://127.0.0.1:1")
    assert str(tmp_path / FILE) in str(caught.value)
    (tmp_path / FILE).write_bytes(wine())
    assert fetch(WINE, cache=tmp_path, mirror="http://127.0.0.1:1").n_positive == 53


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="Did you mean 'creditcard'"):
        fetch("credit_card")


def test_the_cache_is_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTERPOISE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("COUNTERPOISE_CACHE")
    assert cache_folder().name == "counterpoise"


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


FORMS = {
    "yeast_me2": ("", "AB_1  0.5  0.{i} 0 0 0 0 0 0  {c}\n", "ME2", "CYT"),
    "seismic_bumps": ("% x\n@attribute a real\n@attribute class {1,0}\n@data\n", "{i},{c}\n", "1", "0"),
    "pulsars": ("", "1,2,3,4,5,6,7,{i},{c}\r", "1", "0"),
    "mammography": ("", "0.1,1,2,3,4,{i},{c}\n", "'1'", "'-1'"),
    "hypothyroid": ("", "{c},7{i},M" + ",f" * 22 + ",?\n", "hypothyroid", "negative"),
    "kdd99_user_to_root": ("", "{i},tcp" + ",1" * 39 + ",{c}\n", "rootkit.", "normal."),
    "creditcard": ('"Time","V1","Amount","Class"\n', '{i},-1.{i},149.62,"{c}"\n', "1", "0"),
    "online_shoppers": ("Administrative,Revenue\n", "{i},{c}\n", "TRUE", "FALSE"),
}
"""The head of each form of file, a row, and what stands for the classes, as the sources write them."""


def written(name: str) -> bytes:
    head, row, positive, negative = FORMS[name]
    text = (
        head + "".join(row.format(i=value, c=negative if value > 4 else positive) for value in (3, 7, 1, 9))
    ).encode()
    if name == "pulsars":
        return zipped("HTRU_2.csv", text)
    return gzip.compress(text) if name.startswith("kdd") else text


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_is_read(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(PUBLIC[name], n_rows=4, n_positive=2, sha256=None)
    monkeypatch.setitem(catalogue.PUBLIC, name, small)
    server.files[small.file] = written(name)
    table = fetch(name, cache=tmp_path, mirror=server.address)
    assert (table.n_rows, table.n_positive) == (4, 2)


def test_the_catalogue_says_source_and_licence_of_each() -> None:
    assert len(PUBLIC) >= 13
    for name, table in PUBLIC.items():
        assert table.name == name
        assert table.address.startswith("https://")
        assert table.licence
        assert table.source
        assert 0 < table.n_positive < table.n_rows / 3
        assert table.sha256 is None or len(table.sha256) == 64


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "shared"),
    [("car_good", "keel_car_good"), ("credit_default", "credit_default"), ("yeast_me2", "keel_yeast4"),
     ("german_credit", "uci_german_credit"), ("hypothyroid", "uci_hypothyroid"),
     ("machine_failure", "ai4i2020_machine_failure"), ("wine_quality_red_4", "keel_winequality_red_4"),
     ("mammography", "adbench_mammography")],
)  # fmt: skip
def test_rows_and_positives_are_those_of_copies_we_hold(name: str, shared: str, shared_table) -> None:
    frame = shared_table(shared)
    assert (frame.height, int(frame["label"].sum())) == (PUBLIC[name].n_rows, PUBLIC[name].n_positive)
