"""Every error that counterpoise raises on purpose, as one tree.

    CounterpoiseError
    ├── InputError (ValueError)        what was given cannot be used; exit status 2
    │   ├── TableError                 a file or frame that cannot be read as a table
    │   ├── RoleError                  a column role (target, time, ...) that does not fit the table
    │   ├── GoalError                  a goal that cannot be parsed or is out of range
    │   ├── OptionError                an option, name or parameter outside what is offered
    │   ├── LeakError                  what judges a model is known to it beforehand
    │   ├── TypeOfInputError (TypeError)  an argument of the wrong kind
    │   └── ModelError                 a bundle that cannot be loaded, or a table that does not fit a model
    ├── NotApplicable (ValueError)     sound input for which this step has no honest answer; carries the reason
    └── MissingExtra (ImportError)     an optional library is not installed; carries the command that installs it

Every message has four parts: what was given, what was expected, why it matters, what to do. Catch
`CounterpoiseError` for all of them, or the standard type in brackets, as scikit-learn's callers do.
"""

from __future__ import annotations

__all__ = [
    "CounterpoiseError",
    "CounterpoiseWarning",
    "GoalError",
    "InputError",
    "LeakError",
    "MissingExtra",
    "ModelError",
    "NotApplicable",
    "OptionError",
    "RoleError",
    "TableError",
    "TypeOfInputError",
    "nearest_names",
]


class CounterpoiseError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    given : str
        What was given, with its value, as a sentence.
    expected : str, default=""
        What was expected, as a sentence.
    why : str, default=""
        Why it matters, as a sentence.
    hint : str, default=""
        What to do next, as a sentence.
    """

    def __init__(self, given: str, *, expected: str = "", why: str = "", hint: str = "") -> None:
        self.given, self.expected, self.why, self.hint = given, expected, why, hint
        super().__init__(" ".join(part for part in (given, expected, why, hint) if part))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.given, self.expected, self.why, self.hint)


def _rebuild(
    kind: type[CounterpoiseError], given: str, expected: str, why: str, hint: str
) -> CounterpoiseError:
    return kind(given, expected=expected, why=why, hint=hint)


class InputError(CounterpoiseError, ValueError):
    """What was given cannot be used."""


class TableError(InputError):
    """A file or a frame cannot be read as a table."""


class RoleError(InputError):
    """A column role (target, time, group, ...) does not fit the table."""


class GoalError(InputError):
    """A goal cannot be parsed, or is outside its range."""


class OptionError(InputError):
    """An option, a name or a parameter is outside what is offered."""


class LeakError(InputError):
    """What judges a model is known to it beforehand, so its figures would be too good."""


class TypeOfInputError(InputError, TypeError):
    """An argument is of the wrong kind."""


class ModelError(InputError):
    """A bundle cannot be loaded, or a table does not fit the model."""


class NotApplicable(CounterpoiseError, ValueError):  # noqa: N818 - an outcome with a reason, not a failure
    """Sound input for which this step has no honest answer."""


class MissingExtra(CounterpoiseError, ImportError):  # noqa: N818 - names what is missing
    """An optional library is not installed.

    Parameters
    ----------
    library : str
        The library that is missing.
    extra : str
        The extra of counterpoise that installs it.
    """

    @classmethod
    def of(cls, library: str, extra: str) -> MissingExtra:
        """Say which extra brings a library, with the command.

        Parameters
        ----------
        library : str
            The library that is missing.
        extra : str
            The extra that brings it.

        Returns
        -------
        MissingExtra
            The error to raise.
        """
        return cls(
            f"{library} is not installed.",
            expected=f"This part of counterpoise needs {library}.",
            why="It is an optional library, so that the core stays small.",
            hint=f'Run: pip install "counterpoise[{extra}]"',
        )


class CounterpoiseWarning(UserWarning):
    """Something was done differently from what was asked, and what."""


def nearest_names(name: str, names: list[str], n: int = 3) -> str:
    """Say which of the known names are nearest to a wrong one.

    Parameters
    ----------
    name : str
        The name that was given.
    names : list of str
        The names that exist.
    n : int, default=3
        How many to name at most.

    Returns
    -------
    str
        "Did you mean 'a', 'b'?", or an empty string where nothing is near.
    """
    import difflib

    folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=n, cutoff=0.5)
    quoted = ", ".join(repr(folded[key]) for key in near)
    return f"Did you mean {quoted}?" if near else ""
