"""A real server in a process of its own: SageMaker's client, the command line, SIGTERM, SIGKILL."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack

import httpx
import pytest

from counterpoise.cli.main import run
from counterpoise.serve import Store, deployments, ledger
from serving import FEATURES, ROW, Process, free_port, model, payments


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return model().save(tmp_path_factory.mktemp("bundle") / "fraud.model")


@pytest.fixture
def started(tmp_path):
    """Start servers that end with the test."""
    with ExitStack() as stack:
        yield lambda *words: stack.enter_context(Process(*words, folder=tmp_path)).wait()


def command(*words, capsys, status=0):
    """Run the command line in this process, and give what it says."""
    capsys.readouterr()
    try:
        run([str(word) for word in words])
        found = 0
    except SystemExit as stopped:
        found = stopped.code or 0
    said = capsys.readouterr()
    assert found == status, said.err
    return said.err if status else said.out


def sagemaker(url):
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1"}
    config = Config(retries={"max_attempts": 0}, read_timeout=30)
    return boto3.client("sagemaker-runtime", endpoint_url=url, config=config, **keys)


def test_the_whole_life_of_an_endpoint_with_sagemakers_client(bundle, started, tmp_path, capsys):
    """Deploy, evaluate on a labelled table, bring the labels, change, delete."""
    server = started("--store", "sqlite:///life.db")
    at = ("--url", server.url)
    assert "in service" in command("endpoint", "create", "fraud", "--model", str(bundle), *at, capsys=capsys)

    runtime = sagemaker(server.url)
    table = payments(n=400, seed=9)
    body = table.select(FEATURES).write_csv()
    answer = runtime.invoke_endpoint(
        EndpointName="fraud", ContentType="text/csv", Body=body, InferenceId="job-1"
    )
    assert answer["InvokedProductionVariant"] == "champion"
    predictions = json.loads(answer["Body"].read())["predictions"]
    called = [p["predicted_label"] for p in predictions]
    truth = table["fraud"].to_list()
    caught = sum(c and t for c, t in zip(called, truth, strict=True))
    assert caught / sum(truth) > 0.4
    assert caught / sum(called) > 4 * sum(truth) / len(truth)

    labels = {"labels": [{"id": p["id"], "label": t} for p, t in zip(predictions, truth, strict=True)]}
    assert httpx.post(f"{server.url}/endpoints/fraud/labels", json=labels).json()["new"] == 400
    rows = httpx.get(f"{server.url}/endpoints/fraud/predictions").json()["predictions"]
    assert [row["truth"] for row in rows] == truth
    assert sum(row["alert"] and row["truth"] for row in rows) == caught

    with pytest.raises(runtime.exceptions.ClientError, match="channel") as refused:
        runtime.invoke_endpoint(EndpointName="fraud", ContentType="application/json", Body=b'[{"amount": 1}]')
    assert refused.value.response["Error"]["Code"] == "ValidationError"

    assert "0.9" in command(
        "endpoint", "update", "fraud", "--line", "0.9", "--note", "calm", *at, capsys=capsys
    )
    assert "takes back: line" in command("endpoint", "update", "fraud", "--rollback", *at, capsys=capsys)
    assert "fraud" in command("endpoint", "list", *at, capsys=capsys)
    assert "deleted" in command("endpoint", "delete", "fraud", *at, capsys=capsys)
    with pytest.raises(runtime.exceptions.ClientError):
        runtime.invoke_endpoint(EndpointName="fraud", ContentType="text/csv", Body=b"1")
    assert server.stop() == 0


def load(url, acknowledged, stop):
    """Ask until told to stop; note what was answered."""
    with httpx.Client(base_url=url, timeout=10) as client:
        while not stop.is_set():
            try:
                answer = client.post("/invocations", json=[ROW, ROW])
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                acknowledged.extend(p["id"] for p in answer.json()["predictions"])


def test_what_was_answered_before_a_kill_is_in_the_store(bundle, started, tmp_path):
    acknowledged: list[str] = []
    for _ in range(2):
        server = started(str(bundle), "--store", "sqlite:///kill.db")
        seen, stop = len(acknowledged), threading.Event()
        threads = [threading.Thread(target=load, args=(server.url, acknowledged, stop)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < seen + 60:
            stop.wait(0.01)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
    store = Store(f"sqlite:///{tmp_path}/kill.db")
    with store.reading() as connection:
        kept = ledger.predictions(ledger.requests(connection, 1))["prediction"].to_list()
        assert [event.kind for event in deployments.events(connection, 1)] == ["create"]
    store.close()
    assert len(acknowledged) >= 120
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))


def test_a_stop_leaves_nobody_without_an_answer(bundle, started, tmp_path):
    server = started(str(bundle), "--store", "sqlite:///stop.db")
    statuses: list[int] = []
    rows = [ROW] * 20_000

    def ask():
        statuses.append(httpx.post(f"{server.url}/invocations", json=rows, timeout=60).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(0.5)  # the body is read, or the rows are scored
    assert server.stop() == 0
    thread.join()
    assert statuses == [200]
    events = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert (events[0], events[-1]) == ("serving", "stopped")


def test_an_open_address_needs_a_token(bundle, started, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = (
        "serve",
        str(bundle),
        "--host",
        "0.0.0.0",
        "--port",
        str(free_port()),
        "--store",
        "sqlite:///open.db",
    )
    assert "there is no token" in command(*words, capsys=capsys, status=2)
    store = ("--store", "sqlite:///open.db")
    token = command("endpoint", "token", "create", "shop", "--scope", "score", *store, capsys=capsys).strip()
    assert "shop  score  good" in command("endpoint", "token", "list", *store, capsys=capsys)
    server = started(str(bundle), "--host", "0.0.0.0", *store)
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.post(f"{server.url}/invocations", json=[ROW]).status_code == 401
    assert httpx.post(f"{server.url}/invocations", json=[ROW], headers=headers).status_code == 200
    refused = command("endpoint", "list", "--url", server.url, "--token", token, capsys=capsys, status=2)
    assert "good for read" in refused
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("serve", "nowhere"), "There is no model"),
        (("serve", "--store", "mysql://x/y"), "only SQLite and PostgreSQL"),
        (("serve", "--store", "sqlite://"), "names no file"),
        (("serve", "--store", "sqlite:////no/such/folder/x.db"), "there is no folder"),
        (("serve", "--store", "nonsense"), "not a URL"),
        (("serve", "--rate", "fast"), "requests a second"),
        (("endpoint", "list", "--url", "http://127.0.0.1:9"), "no answer"),
        (("endpoint", "list", "--url", "ftp://x"), "begins with http"),
        (("endpoint", "update", "x", "--costs", "fn=a", "--store", "sqlite:///x.db"), "fn=NUMBER"),
        (("endpoint", "describe", "x", "--store", "sqlite:///x.db"), "There is no store 'x.db'"),
        (
            ("endpoint", "token", "create", "x", "--scope", "all", "--store", "sqlite:///x.db"),
            "Expected one or more",
        ),
    ],
)
def test_wrong_options_are_told_in_one_message(tmp_path, words, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in command(*words, capsys=capsys, status=2)


def test_a_server_that_cannot_run_changes_nothing(bundle, tmp_path, capsys):
    store = f"sqlite:///{tmp_path}/store.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = command("serve", bundle, "--port", port, "--store", store, capsys=capsys, status=2)
    assert f"port {port}, was given: address already in use" in said
    assert not (tmp_path / "store.db").exists()
    words = ("serve", bundle, "--host", "0.0.0.0", "--port", 0, "--store", store)
    assert "there is no token" in command(*words, capsys=capsys, status=2)
    with Store(store).reading() as connection:
        assert deployments.endpoints(connection) == []
