"""Schemathesis over the API's own description: whatever it allows, or nearly allows, is no fault of the server."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi import checks as openapi

from counterpoise.serve import Store
from counterpoise.serve.changes import create, keep
from counterpoise.serve.models import packed_bundle
from serving import in_thread, model

CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
]

OPERATIONS = [
    ("POST", "/invocations"),
    ("POST", "/endpoints/{name}/invocations"),
    ("POST", "/endpoints/{name}/labels"),
    ("GET", "/endpoints/{name}/predictions"),
    ("GET", "/endpoints"),
    ("POST", "/endpoints"),
    ("GET", "/endpoints/{name}"),
    ("PATCH", "/endpoints/{name}"),
    ("DELETE", "/endpoints/{name}"),
    ("GET", "/health"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    store = Store(f"sqlite:///{folder}/store.db")
    create(
        store,
        "fraud",
        keep(store, *packed_bundle(model().save(folder / "fraud.model"))),
        source="",
        actor="test",
    )
    with in_thread(store) as client:
        yield client
    store.close()


@pytest.fixture(scope="module")
def description(client):
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_description_is_kept(client, description, method, path):
    operation = description[path][method]

    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def hold(case):
        if case.path_parameters and method != "DELETE":
            case.path_parameters["name"] = "fraud"
        case.call_and_validate(checks=CHECKS)

    hold()
