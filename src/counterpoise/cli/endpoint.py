"""``counterpoise endpoint``: the life of endpoints, on a running server or in a store where none runs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoise.cli import options as o
from counterpoise.cli.serve import STORE
from counterpoise.errors import OptionError

if TYPE_CHECKING:
    from counterpoise.serve import InStore as EndpointsInStore
    from counterpoise.serve import OverHttp, Store

__all__ = ["costs_of", "endpoints_at", "existing_store", "make_token", "register", "say", "say_one"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint.")]
Url = Annotated[str, typer.Option("--url", envvar="COUNTERPOISE_URL", help="The running server.")]
Token = Annotated[
    str | None, typer.Option(envvar="COUNTERPOISE_TOKEN", help="A token; better in COUNTERPOISE_TOKEN.")
]
StoreOrNone = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="Change the store itself, without a server.")
]
TheStore = Annotated[str, typer.Option("--store", metavar="URL", help="The store.")]
ModelOption = Annotated[
    Path | None, typer.Option("--model", metavar="MODEL", help="A folder or zip that compare wrote.")
]
Note = Annotated[str, typer.Option(help="Why, for the log.")]

HOME = "http://127.0.0.1:8080"
"""Where `counterpoise serve` listens if nothing else is said."""

MOST_DAYS = 1_000_000
"""Longest life of a token that is to end: beyond lie dates that no calendar here can write."""


def endpoints_at(
    url: str, token: str | None, store: str | None, *, is_new: bool = False
) -> EndpointsInStore | OverHttp:
    """Choose where endpoints are changed.

    Parameters
    ----------
    url : str
        A running server.
    token : str or None
        A token for it.
    store : str or None
        A store; it goes before the server.
    is_new : bool, default=False
        Make the store where there is none; else it must be there.

    Returns
    -------
    InStore or OverHttp
        What can be done with them.

    Raises
    ------
    InputError
        If the address or the store cannot be used.
    """
    from counterpoise.serve import InStore, OverHttp, Store

    if store is None:
        return OverHttp(url, token)
    return InStore(Store(store) if is_new else existing_store(store))


def existing_store(url: str) -> Store:
    """Open a store that must be there: a mistyped name would make an empty one.

    Parameters
    ----------
    url : str
        The store's URL.

    Returns
    -------
    Store
        Opened.

    Raises
    ------
    OptionError
        If it names a file that is not there.
    InputError
        If the store cannot be used.
    """
    from counterpoise.serve import Store

    driver, _, rest = url.partition(":///")
    file = rest.partition("?")[0]
    # without a file there is nothing to look for: the store itself says what is wrong with such a name
    if driver.startswith("sqlite") and file not in ("", ":memory:") and not Path(file).is_file():
        raise OptionError(
            f"There is no store {file!r}.",
            expected="Expected the store that counterpoise serve or endpoint create has written.",
            why="A mistyped name would make an empty store, and what is asked of it would be nothing.",
            hint="Name it: --store sqlite:///FILE or --store postgresql://USER@HOST/NAME",
        )
    return Store(url)


def costs_of(text: str | None) -> dict[str, float] | None:
    """Understand ``fn=100,fp=1``.

    Parameters
    ----------
    text : str or None
        Costs in words.

    Returns
    -------
    dict or None
        By outcome.

    Raises
    ------
    OptionError
        If they cannot be understood.
    """
    if text is None:
        return None
    try:
        found = {name.strip(): float(value) for name, value in (part.split("=") for part in text.split(","))}
    except ValueError:
        found = {}
    if not {"fn", "fp"} <= set(found) <= {"fn", "fp", "tp", "tn"}:
        raise OptionError(
            f"The costs {text!r} were given.",
            expected="Expected fn=NUMBER,fp=NUMBER, and tp= and tn= where they are not 0.",
            hint="For example --costs fn=100,fp=1",
        )
    return found


def make_token(store: str, name: str, scopes: list[str], days: float | None) -> str:
    """Make a token in a store.

    Parameters
    ----------
    store : str
        The store's URL.
    name : str
        Who will hold it.
    scopes : list of {"read", "score", "admin"}
        What it is good for.
    days : float or None
        When it ends, at most 1,000,000; None: never.

    Returns
    -------
    str
        The token; it is shown once.

    Raises
    ------
    OptionError
        If a scope is unknown, the name is taken, or it would end beyond the calendar.
    """
    from counterpoise.serve import Store, tokens
    from counterpoise.serve.clock import since_1970

    if days is not None and not 0 <= days <= MOST_DAYS:
        raise OptionError(
            f"--days {days:g} was given.",
            expected=f"Expected a number of days from 0 to {MOST_DAYS}.",
            why="A token ends on a date, and the calendar has a last one.",
            hint="Leave --days out for a token that never ends.",
        )
    ends = None if days is None else since_1970(datetime.now(UTC) + timedelta(days=days))
    with Store(store).writing() as connection:
        return tokens.make(connection, name, scopes, expires_at=ends)


def say(endpoints: list[dict[str, Any]]) -> str:
    """Say what endpoints there are, for the terminal.

    Parameters
    ----------
    endpoints : list of dict
        As GET /endpoints gives them.

    Returns
    -------
    str
        One a line.
    """
    if not endpoints:
        return "No endpoint yet: counterpoise endpoint create NAME --model MODEL"
    rows = [("name", "status", "version", "line", "goal", "model")]
    rows += [
        (e["name"], e["status"], str(e["version"]), _line(e["champion"]), e["champion"]["goal"], e["model"])
        for e in endpoints
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _line(part: dict[str, Any]) -> str:
    return "-" if part["threshold"] is None else f"{part['threshold']:.4g}"


def say_one(endpoint: dict[str, Any]) -> str:
    """Say who answers at an endpoint, and what was changed, for the terminal.

    Parameters
    ----------
    endpoint : dict
        As GET /endpoints/{name} gives it.

    Returns
    -------
    str
        Some lines.
    """
    lines = [f"{endpoint['name']}: {endpoint['status']}", f"  champion    {_part(endpoint['champion'])}"]
    if endpoint["challenger"]:
        share = f"{endpoint['share']:.0%} of the requests" if endpoint["share"] else "in shadow"
        lines.append(f"  challenger  {_part(endpoint['challenger'])}, {share}")
    lines.append("  changes")
    for event in endpoint["events"][-10:]:
        note = f" ({event['note']})" if event["note"] else ""
        lines.append(f"    {event['at'][:19]}  {event['kind']} by {event['actor']}{note}")
    return "\n".join(lines)


def _part(part: dict[str, Any]) -> str:
    return f"version {part['version']}: {part['model']}, positive from {_line(part)} on, for {part['goal']}"


def register(app: typer.Typer) -> None:
    """Add the verbs.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    endpoint = typer.Typer(
        help="Make, change and delete endpoints.",
        no_args_is_help=True,
        context_settings=app.info.context_settings,
    )
    app.add_typer(endpoint, name="endpoint")
    _add_life(endpoint)
    _add_update(endpoint)
    token = typer.Typer(help="Tokens: who may do what.", no_args_is_help=True)
    endpoint.add_typer(token, name="token")
    _add_tokens(token)


def _add_life(endpoint: typer.Typer) -> None:
    @endpoint.command("create")
    def _create(
        name: Name,
        model: Annotated[
            Path, typer.Option("--model", metavar="MODEL", help="A folder or zip that compare wrote.")
        ],
        url: Url = HOME,
        token: Token = None,
        store: StoreOrNone = None,
        note: Note = "",
        as_json: o.Json = False,
    ) -> None:
        """Make an endpoint of a model."""
        _show(endpoints_at(url, token, store, is_new=True).create(name, model, note), as_json)

    @endpoint.command("list")
    def _list(
        url: Url = HOME, token: Token = None, store: StoreOrNone = None, as_json: o.Json = False
    ) -> None:
        """Say what endpoints there are."""
        found = endpoints_at(url, token, store).all()
        sys.stdout.write((json.dumps(found, indent=1) if as_json else say(found)) + "\n")

    @endpoint.command("describe")
    def _describe(
        name: Name, url: Url = HOME, token: Token = None, store: StoreOrNone = None, as_json: o.Json = False
    ) -> None:
        """Say who answers at an endpoint, and what was changed."""
        _show(endpoints_at(url, token, store).describe(name), as_json)

    @endpoint.command("delete")
    def _delete(
        name: Name,
        url: Url = HOME,
        token: Token = None,
        store: StoreOrNone = None,
        with_records: Annotated[
            bool, typer.Option("--with-records", help="What it answered goes, too.")
        ] = False,
    ) -> None:
        """Delete an endpoint."""
        endpoints_at(url, token, store).delete(name, with_records=with_records)
        sys.stdout.write(f"{name} deleted\n")


def _show(endpoint: dict[str, Any], as_json: bool) -> None:
    sys.stdout.write((json.dumps(endpoint, indent=1) if as_json else say_one(endpoint)) + "\n")


def _add_update(endpoint: typer.Typer) -> None:
    @endpoint.command("update")
    def _update(
        name: Name,
        model: ModelOption = None,
        version: Annotated[int | None, typer.Option(help="A version that it had.")] = None,
        share: Annotated[
            float | None, typer.Option(help="As challenger, with this share of the requests; 0: in shadow.")
        ] = None,
        line: Annotated[float | None, typer.Option(help="Positive from this probability on.")] = None,
        base_rate: Annotated[
            float | None, typer.Option(help="Share of positives where it is used now.")
        ] = None,
        costs: Annotated[str | None, typer.Option(metavar="fn=N,fp=N", help="Other costs of errors.")] = None,
        promote: Annotated[
            bool, typer.Option("--promote", help="The challenger becomes the champion.")
        ] = False,
        drop_challenger: Annotated[
            bool, typer.Option("--drop-challenger", help="The champion alone.")
        ] = False,
        roll_back: Annotated[bool, typer.Option("--rollback", help="Take back the last change.")] = False,
        is_other_table: Annotated[bool, typer.Option("--other-table", help="Let other columns in.")] = False,
        url: Url = HOME,
        token: Token = None,
        store: StoreOrNone = None,
        note: Note = "",
        as_json: o.Json = False,
    ) -> None:
        """Change the model, the line, the base rate or the costs, without dropping a request."""
        asked = {
            "version": version,
            "share": share,
            "line": line,
            "base_rate": base_rate,
            "costs": costs_of(costs),
            "promote": promote,
            "drop_challenger": drop_challenger,
            "roll_back": roll_back,
            "is_other_table": is_other_table,
            "note": note,
        }
        change = {key: value for key, value in asked.items() if value not in (None, False, "")}
        if share is not None:
            change["share"] = share
        _show(endpoints_at(url, token, store).update(name, model, change), as_json)


def _add_tokens(token: typer.Typer) -> None:
    @token.command("create")
    def _create(
        name: Annotated[str, typer.Argument(help="Who will hold it.")],
        scope: Annotated[list[str], typer.Option(help="read, score or admin; may be repeated.")],
        store: TheStore = STORE,
        days: Annotated[float | None, typer.Option(min=0.0, help="When it ends; by default never.")] = None,
    ) -> None:
        """Make a token and show it once."""
        sys.stdout.write(make_token(store, name, scope, days) + "\n")

    @token.command("list")
    def _list(store: TheStore = STORE) -> None:
        """Say what tokens there are."""
        from counterpoise.serve import tokens

        with existing_store(store).reading() as connection:
            for each in tokens.tokens(connection):
                state = "good" if any(each.may(scope) for scope in tokens.SCOPES) else "ended"
                sys.stdout.write(f"{each.name}  {', '.join(sorted(each.scopes))}  {state}\n")

    @token.command("revoke")
    def _revoke(name: Annotated[str, typer.Argument()], store: TheStore = STORE) -> None:
        """Take a token back; servers know within seconds."""
        from counterpoise.serve import tokens

        with existing_store(store).writing() as connection:
            tokens.revoke(connection, name)
        sys.stdout.write(f"{name} revoked\n")
