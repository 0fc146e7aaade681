"""The endpoints that answer now: models in memory, as the store says.

Each endpoint is one immutable value that is replaced whole. A request takes the value once and is answered by it to
the end, so that no change drops or mixes a request.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from counterpoise.errors import CounterpoiseError
from counterpoise.serve import deployments
from counterpoise.serve.contract import Contract
from counterpoise.serve.deployments import Endpoint, Version, unknown_endpoint
from counterpoise.serve.log import say
from counterpoise.serve.models import Served, moved, unpacked_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store

__all__ = ["Live", "Registry"]


@dataclass(frozen=True)
class Live:
    """An endpoint that answers.

    Attributes
    ----------
    endpoint : Endpoint
        As the store has it.
    champion : Served
        The version that answers.
    challenger : Served or None
        The version that answers a share, or is asked in shadow.
    """

    endpoint: Endpoint
    champion: Served
    challenger: Served | None = None

    @property
    def share(self) -> float:
        """Share of the requests that the challenger answers."""
        return self.endpoint.deployment.share if self.challenger else 0.0

    @property
    def shadow(self) -> Served | None:
        """The version that is asked without being heard."""
        return self.challenger if self.challenger and not self.share else None


class Registry:
    """Keeps models in memory as the store says who answers.

    Parameters
    ----------
    store : Store
        Where endpoints are kept.
    is_lenient : bool, default=False
        Whether unknown columns and levels are taken.
    """

    def __init__(self, store: Store, *, is_lenient: bool = False) -> None:
        self._store, self._is_lenient = store, is_lenient
        self._live: Mapping[str, Live] = {}
        self._loaded: dict[tuple[int, int], Served] = {}
        self._mark: tuple[int, int] | None = None
        self._one_at_a_time = threading.Lock()

    def all(self) -> list[Live]:
        """Give all endpoints, by name.

        Returns
        -------
        list of Live
            As they are now.
        """
        return [self._live[name] for name in sorted(self._live)]

    def get(self, name: str) -> Live:
        """Give an endpoint.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        Live
            As it is now.

        Raises
        ------
        Refused
            404, if there is none of that name.
        """
        found = self._live.get(name)
        if found is None:
            raise unknown_endpoint(name, sorted(self._live))
        return found

    def only(self) -> Live:
        """Give the one endpoint there is, for addresses without a name.

        Returns
        -------
        Live
            As it is now.

        Raises
        ------
        Refused
            404, if there are none or several.
        """
        live = self.all()
        if len(live) != 1:
            raise Refused(
                f"There are {len(live)} endpoints, and none was named.",
                status=404,
                expected="Expected one endpoint where no name is given.",
                hint=f"POST /endpoints/{live[0].endpoint.name if live else 'NAME'}/invocations",
            )
        return live[0]

    def refresh(self) -> bool:
        """Load what changed in the store, by whomever.

        Returns
        -------
        bool
            Whether anything had changed.
        """
        with self._one_at_a_time:
            with self._store.reading() as connection:
                mark = deployments.mark(connection)
                if mark == self._mark:
                    return False
                found = [each for each in deployments.endpoints(connection) if each.deployment.champion]
            live = {each.endpoint.name: each for each in map(self._of, found) if each}
            used = {(each.endpoint.id, s.number) for each in live.values() for s in _versions(each)}
            self._live, self._mark = live, mark
            self._loaded = {key: served for key, served in self._loaded.items() if key in used}
            return True

    def _of(self, endpoint: Endpoint) -> Live | None:
        """Load an endpoint; one that cannot be loaded stays as it was, and the others are not touched."""
        chosen = endpoint.deployment
        try:
            champion = self._served(endpoint.id, chosen.champion)
            challenger = None if chosen.challenger is None else self._served(endpoint.id, chosen.challenger)
        except CounterpoiseError as error:
            say("endpoint failed", level="error", endpoint=endpoint.name, error=str(error))
            return self._live.get(endpoint.name)
        return Live(endpoint, champion, challenger)

    def _served(self, endpoint_id: int, number: int) -> Served:
        key = (endpoint_id, number)
        if key not in self._loaded:
            with self._store.reading() as connection:
                version = deployments.version(connection, endpoint_id, number)
                content = deployments.bundle(connection, version.bundle)
            self._loaded[key] = loaded(version, content, is_lenient=self._is_lenient)
        return self._loaded[key]


def _versions(live: Live) -> list[Served]:
    return [live.champion] if live.challenger is None else [live.champion, live.challenger]


def loaded(version: Version, content: bytes, *, is_lenient: bool = False) -> Served:
    """Make a version ready to answer.

    Parameters
    ----------
    version : Version
        As the store has it.
    content : bytes
        Its bundle.
    is_lenient : bool, default=False
        Whether unknown columns and levels are taken.

    Returns
    -------
    Served
        Warm.

    Raises
    ------
    ModelError
        If the bundle is damaged.
    """
    model = moved(unpacked_bundle(content), version.moves)
    served = Served(version.number, model, Contract(model.schema, is_lenient))
    served.warm_up()
    return served
