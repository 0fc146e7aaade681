"""Endpoints from the outside: over HTTP to a running server, or in the store where none runs.

Both do the same and give the same plain values. What is changed in the store, a running server sees within a second.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterpoise.errors import OptionError
from counterpoise.serve import changes, deployments, views
from counterpoise.serve.changes import Change
from counterpoise.serve.gate import LOCAL
from counterpoise.serve.models import packed_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store

__all__ = ["InStore", "OverHttp"]

SECONDS = 120.0
"""How long a server may take to load a model."""


class InStore:
    """Endpoints of a store.

    Parameters
    ----------
    store : Store
        Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: str, model: Path, note: str = "") -> dict[str, Any]:
        """Make an endpoint of a model.

        Parameters
        ----------
        name : str
            Its name.
        model : Path
            A bundle.
        note : str, default=""
            Why.

        Returns
        -------
        dict
            The endpoint.
        """
        sha256 = changes.keep(self._store, *packed_bundle(model))
        changes.create(self._store, name, sha256, source=str(model), actor=LOCAL, note=note)
        return self.describe(name)

    def all(self) -> list[dict[str, Any]]:
        """Give all endpoints.

        Returns
        -------
        list of dict
            By name.
        """
        with self._store.reading() as connection:
            return [
                views.summary(each, deployments.versions(connection, each.id)).model_dump(mode="json")
                for each in deployments.endpoints(connection)
            ]

    def describe(self, name: str) -> dict[str, Any]:
        """Give one endpoint, its versions and its changes.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        dict
            As GET /endpoints/{name} gives it.
        """
        with self._store.reading() as connection:
            endpoint = deployments.endpoint(connection, name)
            champion = deployments.version(connection, endpoint.id, endpoint.deployment.champion)
            return views.whole(connection, endpoint, changes.model_of(connection, champion)).model_dump(
                mode="json"
            )

    def update(self, name: str, model: Path | None, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change an endpoint.

        Parameters
        ----------
        name : str
            Its name.
        model : Path or None
            A bundle, for a new version.
        change : mapping
            Parts of `Change`.

        Returns
        -------
        dict
            The endpoint as it is now.
        """
        sha256 = None if model is None else changes.keep(self._store, *packed_bundle(model))
        source = "" if model is None else str(model)
        changes.update(self._store, name, Change(bundle=sha256, source=source, **change), actor=LOCAL)
        return self.describe(name)

    def delete(self, name: str, *, with_records: bool = False) -> None:
        """Delete an endpoint.

        Parameters
        ----------
        name : str
            Its name.
        with_records : bool, default=False
            Remove what it answered, too.
        """
        changes.delete(self._store, name, actor=LOCAL, with_records=with_records)


class OverHttp:
    """Endpoints of a running server.

    Parameters
    ----------
    url : str
        Its address.
    token : str, optional
        A token that is good for admin.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise OptionError(
                f"The address {url!r} was given.",
                expected="Expected one that begins with http:// or https://.",
                hint="For example http://127.0.0.1:8080",
            )
        self._url, self._token = url.rstrip("/"), token

    def create(self, name: str, model: Path, note: str = "") -> dict[str, Any]:
        """Make an endpoint of a model, which is sent.

        Parameters
        ----------
        name : str
            Its name.
        model : Path
            A bundle on this machine.
        note : str, default=""
            Why.

        Returns
        -------
        dict
            The endpoint.
        """
        made: dict[str, Any] = self._call(
            "POST", "/endpoints", {"name": name, "bundle": self._send(model), "note": note}
        )
        return made

    def all(self) -> list[dict[str, Any]]:
        """Give all endpoints.

        Returns
        -------
        list of dict
            By name.
        """
        found: list[dict[str, Any]] = self._call("GET", "/endpoints")
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """Give one endpoint, its versions and its changes.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        dict
            As GET /endpoints/{name} gives it.
        """
        found: dict[str, Any] = self._call("GET", _address(name))
        return found

    def update(self, name: str, model: Path | None, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change an endpoint.

        Parameters
        ----------
        name : str
            Its name.
        model : Path or None
            A bundle on this machine, for a new version.
        change : mapping
            Parts of `Change`.

        Returns
        -------
        dict
            The endpoint as it is now.
        """
        sent = {} if model is None else {"bundle": self._send(model)}
        changed: dict[str, Any] = self._call("PATCH", _address(name), {**sent, **change})
        return changed

    def delete(self, name: str, *, with_records: bool = False) -> None:
        """Delete an endpoint.

        Parameters
        ----------
        name : str
            Its name.
        with_records : bool, default=False
            Remove what it answered, too.
        """
        self._call("DELETE", f"{_address(name)}?with_records={str(with_records).lower()}")

    def _send(self, model: Path) -> str:
        _, content = packed_bundle(model)
        return str(self._call("POST", "/bundles", content)["bundle"])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None) -> Any:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        media = "application/zip" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": media} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        request = urllib.request.Request(self._url + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, error.read()) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise OptionError(
                f"There is no answer from {self._url}: {error}.",
                expected="Expected a server that runs there.",
                hint="Start it: counterpoise serve; or change the store where none runs: --store URL.",
            ) from error


def _address(name: str) -> str:
    return f"/endpoints/{urllib.parse.quote(name, safe='')}"


def _refusal(status: int, body: bytes) -> Refused:
    """Give what the server said no with."""
    try:
        first = json.loads(body)["errors"][0]
        expected, why, hint = (str(first.get(key) or "") for key in ("expected", "why", "hint"))
        return Refused(str(first["given"]), status=status, expected=expected, why=why, hint=hint)
    except (ValueError, LookupError, TypeError):
        return Refused(f"The server answered {status}: {body[:200]!r}.", status=status)
