"""Memory: sizes in words, what a candidate is predicted to need, and what is left under a limit.

What counts is the proportional set size of this process and of all that it started: a page that three processes share
counts a third for each of them, so that the sum is what would be free without them. Where the system does not say
(it is Linux that does), resident sets are added up, in which such a page counts three times.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from counterpoise.errors import OptionError
from counterpoise.evaluate.candidates import Candidate

__all__ = ["Memory", "affordable_workers", "parse_bytes", "predicted_bytes", "resident_bytes", "say_bytes"]

_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?|b|)b?")

_LEARNER_COPIES = {
    "logistic": 4.0,
    "linear_learner": 5.0,
    "boosting": 3.0,
    "forest": 4.0,
    "lightgbm": 3.0,
    "catboost": 4.0,
    "mlp": 5.0,
}
"""Memory of a fit over the size of its training part as 8-byte numbers, until one has been measured."""

_OTHER_LEARNER_COPIES = 5.0

_FIT_BYTES = {"mlp": 420 * 10**6, "lightgbm": 120 * 10**6, "catboost": 150 * 10**6}
_OTHER_FIT_BYTES = 60 * 10**6
"""What a fit takes whatever its rows: libraries, compiled code."""

_GROWING = frozenset({"random_over", "adasyn"})
"""Treatments whose rows grow to twice as many; so do all whose names speak of SMOTE."""

_MEASURED_MARGIN = 1.15
"""A fold may need more than another did."""

_WORKER_BYTES = 160 * 10**6
"""What a worker holds of its own when it has imported what it needs, at least."""

_PROCESS_BYTES = 80 * 10**6
"""What the process of a fit makes its own of what it shares with its worker."""

_LEAST_FIT_BYTES = 250 * 10**6
"""A worker without that much room for its fit is none."""


def parse_bytes(text: str | float | None) -> int | None:
    """Turn a size in words into bytes.

    Parameters
    ----------
    text : str, float or None
        ``"4GB"``, ``"512MiB"``, ``"1.5g"``, a number of bytes, or None for no limit.

    Returns
    -------
    int or None
        Bytes, more than 0.

    Raises
    ------
    OptionError
        If it is no size.

    Examples
    --------
    >>> parse_bytes("4GB"), parse_bytes("1.5 MiB")
    (4000000000, 1572864)
    """
    if text is None:
        return None
    match = _SIZE.fullmatch(str(text).strip().lower())
    size = float(match[1]) * {**_UNITS, **_BINARY}[match[2]] if match else 0.0
    if not size >= 1.0:
        raise OptionError(
            f"The memory {text!r} was given.",
            expected="Expected a number with KB, MB, GB or TB (or KiB ...), such as 4GB or 512MiB, above 0.",
            why="Candidates that would need more are not run.",
            hint="For example --memory 4GB.",
        )
    return int(size)


def say_bytes(size: float) -> str:
    """Say a size for people.

    Parameters
    ----------
    size : float
        Bytes.

    Returns
    -------
    str
        Such as "640 MB" or "3.1 GB".
    """
    if size < 1e6:
        return f"{size:.0f} bytes"
    return f"{size / 1e9:.1f} GB" if size >= 9.95e8 else f"{size / 1e6:.0f} MB"


def resident_bytes(of: int | None = None) -> int:
    """Add up what this process, or another, and all that it started hold in memory, shared pages once.

    Parameters
    ----------
    of : int, optional
        A process; by default this one.

    Returns
    -------
    int
        Bytes; 0 where the system does not say.
    """
    root = os.getpid() if of is None else of
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        parent = _parent(entry)
        if parent is not None:
            children.setdefault(parent, []).append(int(entry.name))
    family, waiting = [], [root]
    while waiting:
        family.append(waiting.pop())
        waiting += children.get(family[-1], [])
    return sum(_resident(process) for process in family)


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):  # it has just ended
        return None


def _resident(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, ValueError, IndexError, StopIteration):  # it has just ended, or the system does not say
        return _whole_resident(process)


def _whole_resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # it has just ended, or there is no /proc
        return 0


def affordable_workers(limit: int | None, workers: int | None, n_cores: int) -> int | None:
    """Give as many workers as a limit can hold with a small fit each, and no more than were asked for.

    Parameters
    ----------
    limit : int or None
        Bytes; None for no limit.
    workers : int or None
        As asked for; None for one a processor, 0 for none.
    n_cores : int
        Processors.

    Returns
    -------
    int or None
        At least 1, unless none were asked for.
    """
    if limit is None or workers == 0:
        return workers
    left = limit - _resident(os.getpid())
    each = _WORKER_BYTES + _PROCESS_BYTES + _LEAST_FIT_BYTES
    return max(1, min(workers or n_cores, int(left // each)))


def predicted_bytes(
    candidate: Candidate, train_bytes: float, measured: Mapping[Candidate, tuple[float, float]]
) -> float:
    """Predict what fitting a candidate takes.

    Parameters
    ----------
    candidate : Candidate
        Which one.
    train_bytes : float
        Size of the training part as 8-byte numbers.
    measured : mapping of Candidate to (float, float)
        Sizes of training parts, and what fitting on them took.

    Returns
    -------
    float
        Bytes: a part for any fit, and one that grows with the rows, known from the candidate itself, else from its
        learner with other treatments, else from what is known of its learner.
    """
    fixed = _FIT_BYTES.get(candidate.learner, _OTHER_FIT_BYTES)
    copies = {
        each: max(_MEASURED_MARGIN * taken - fixed, 0.0) / size for each, (size, taken) in measured.items()
    }
    if candidate in copies:
        return fixed + copies[candidate] * train_bytes
    siblings = [each / _growth(c) for c, each in copies.items() if c.learner == candidate.learner]
    known = _LEARNER_COPIES.get(candidate.learner, _OTHER_LEARNER_COPIES)
    return fixed + (max(siblings) if siblings else known) * _growth(candidate) * train_bytes


def _growth(candidate: Candidate) -> float:
    return 2.0 if candidate.treatment in _GROWING or "smote" in candidate.treatment else 1.0


@dataclass
class Memory:
    """A limit, and what is left under it.

    Attributes
    ----------
    limit : int or None
        Bytes; None for no limit.
    idle_bytes : int
        What this process and its workers hold while nothing runs.
    n_workers : int
        Workers that were there when that was measured.
    peak_bytes : int
        The most that was held whenever that was looked at.
    """

    limit: int | None = None
    idle_bytes: int = 0
    n_workers: int = 0
    peak_bytes: int = 0

    def measure(self, n_workers: int) -> None:
        """Take note of what is held while nothing runs.

        Parameters
        ----------
        n_workers : int
            Workers that are there.
        """
        if self.limit is None:
            return
        own = _resident(os.getpid())
        others = resident_bytes() - own
        self.n_workers = n_workers if others > 0 else 0  # an engine without processes works in this one
        self.idle_bytes = own + max(others, self.n_workers * _WORKER_BYTES)

    @property
    def said(self) -> str:
        """What is allowed and what is held, in words."""
        held = f"this process and its {self.n_workers} workers" if self.n_workers else "this process"
        return f"of {say_bytes(self.limit or 0)} allowed, {held} hold {say_bytes(self.idle_bytes)} before it begins"

    def is_exceeded(self) -> bool:
        """Say whether more is held than is allowed.

        Returns
        -------
        bool
            Always False without a limit.
        """
        if self.limit is None:
            return False
        held = resident_bytes()
        self.peak_bytes = max(self.peak_bytes, held)
        return held > self.limit

    def account(self) -> str:
        """Say what was held, for people.

        Returns
        -------
        str
            Empty without a limit.
        """
        if self.limit is None:
            return ""
        self.is_exceeded()
        return (
            f"At most {say_bytes(self.peak_bytes)} of the {say_bytes(self.limit)} allowed were held, by this process "
            "and its workers together, looked at twice a second; pages that they share are counted once."
        )

    def room(self, others: Sequence[float] = ()) -> float:
        """Say how much one more fit may take.

        Parameters
        ----------
        others : sequence of float, default=()
            What the fits that run are predicted to take.

        Returns
        -------
        float
            Bytes; infinite without a limit. A fit's process shares most of what its worker holds.
        """
        if self.limit is None:
            return float("inf")
        of_process = _PROCESS_BYTES if self.n_workers else 0
        return self.limit - self.idle_bytes - sum(others) - (len(others) + 1) * of_process
