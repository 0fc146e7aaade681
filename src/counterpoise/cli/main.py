"""The command line: routes to one file a verb, and turns errors into one message and an exit status.

Exit status: 0 done; 2 the input or the options are wrong, or there is no honest answer; 1 a fault of ours; 130
interrupted with nothing to show. An interrupted `compare` that has an untreated model ends with what it has, and 0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from counterpoise.cli import (
    compare,
    endpoint,
    evaluate,
    export,
    lab,
    monitor,
    predict,
    profile,
    resample,
    serve,
    simulate,
)
from counterpoise.errors import CounterpoiseError, InputError, MissingExtra, NotApplicable

__all__ = ["app", "guarded", "run"]

_INTERRUPTED = 130
"""Exit status after an interrupt with nothing to show: 128 and the signal's number."""

app = typer.Typer(
    name="counterpoise",
    help="What should be done about a rare outcome, shown with evidence, then shipped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (compare, profile, resample, predict, evaluate, export, serve, endpoint, monitor, simulate, lab):
    verb.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from counterpoise import __version__

        sys.stdout.write(f"counterpoise {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version."
    ),
) -> None:
    """What should be done about a rare outcome, shown with evidence, then shipped."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : list of str, optional
        The words after ``counterpoise``; those of the process by default.
    """
    guarded(lambda: app(args=arguments))


def guarded(action: Callable[[], object]) -> None:
    """Run a command, turning errors into one message and an exit status.

    Parameters
    ----------
    action : callable
        What to run.
    """
    try:
        action()
    except (InputError, NotApplicable, MissingExtra) as error:
        _say(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:  # typer ends an interrupted command by itself, without a word
            _interrupted()
        raise
    except BrokenPipeError:
        sys.exit(1)


def _interrupted() -> int:
    sys.stderr.write("Interrupted.\n")
    return _INTERRUPTED


def _say(error: CounterpoiseError) -> None:
    lines = [f"Error: {error.given}"]
    lines += [f"  {part}" for part in (error.expected, error.why, error.hint) if part]
    sys.stderr.write("\n".join(lines) + "\n")
