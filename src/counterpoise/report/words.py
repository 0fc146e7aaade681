"""Numbers in words: how figures, intervals, sizes and times are written on the page and in charts."""

from __future__ import annotations

import math

from counterpoise.evaluate.records import Estimate

__all__ = [
    "METRIC_NAMES",
    "bytes_in_words",
    "figure",
    "interval",
    "metric_name",
    "seconds_in_words",
    "share",
    "signed",
]

MINUS, DASH, THIN = "−", "–", " "

METRIC_NAMES = {
    "average_precision": "Average precision",
    "roc_auc": "ROC AUC",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "mean_ratio": "Mean probability / base rate",
    "goal": "Goal's figure",
    "card_precision_100": "Card precision at 100",
    "daily_precision_100": "Precision of a day's top 100",
    "daily_recall": "Recall of a day",
    "alerts_per_day": "Alerts a day",
}


def metric_name(name: str) -> str:
    """Write the name of a metric.

    Parameters
    ----------
    name : str
        As in a record.

    Returns
    -------
    str
        For readers.
    """
    return METRIC_NAMES.get(name, name.replace("_", " "))


def figure(value: float | None) -> str:
    """Write a figure with three decimals where it is near one, fewer where large, more where tiny.

    Parameters
    ----------
    value : float or None
        The figure.

    Returns
    -------
    str
        A dash where there is none.
    """
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size >= 1000:
        words = f"{size:,.0f}"
    elif size >= 10:
        words = f"{size:.1f}"
    elif size >= 0.001 or size == 0:
        words = f"{size:.3f}"
    else:
        words = f"{size:.2g}"
    return f"{MINUS}{words}" if value < 0 and float(words.replace(",", "")) != 0 else words


def signed(value: float | None) -> str:
    """Write a difference with its sign.

    Parameters
    ----------
    value : float or None
        The difference.

    Returns
    -------
    str
        With + or a minus sign.
    """
    words = figure(value)
    return words if value is None or words.startswith((MINUS, DASH)) else f"+{words}"


def interval(estimate: Estimate | None, *, with_sign: bool = False) -> str:
    """Write the interval of an estimate.

    Parameters
    ----------
    estimate : Estimate or None
        The estimate.
    with_sign : bool, default=False
        For differences.

    Returns
    -------
    str
        "lower to upper", or empty where there is none.
    """
    if estimate is None or estimate.lower is None or estimate.upper is None:
        return ""
    write = signed if with_sign else figure
    return f"{write(estimate.lower)} to {write(estimate.upper)}"


def share(value: float | None) -> str:
    """Write a share in percent with three significant digits.

    Parameters
    ----------
    value : float or None
        0 to 1.

    Returns
    -------
    str
        Percent.
    """
    if value is None or math.isnan(value):
        return DASH
    percent = 100 * value
    if percent >= 99.95 and value < 1:
        return f"{percent:.4g}{THIN}%"
    return f"{percent:.3g}{THIN}%"


def seconds_in_words(seconds: float | None) -> str:
    """Write a time.

    Parameters
    ----------
    seconds : float or None
        Seconds.

    Returns
    -------
    str
        In milliseconds, seconds, minutes or hours.
    """
    if seconds is None or math.isnan(seconds):
        return DASH
    if seconds < 1:
        return f"{1000 * seconds:.0f}{THIN}ms"
    if seconds < 100:
        return f"{seconds:.1f}{THIN}s"
    if seconds < 6000:
        return f"{seconds / 60:.1f}{THIN}min"
    return f"{seconds / 3600:.1f}{THIN}h"


def bytes_in_words(size: int | None) -> str:
    """Write a size of memory.

    Parameters
    ----------
    size : int or None
        Bytes.

    Returns
    -------
    str
        In kB, MB or GB (powers of ten).
    """
    if size is None:
        return DASH
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.3g}{THIN}{unit}"
    return f"{size / 1e3:.3g}{THIN}kB"
