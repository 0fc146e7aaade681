"""Losses for a rare class on logits, and the way back from each to probabilities.

Cross-entropy; focal loss (T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, ICCV 2017); class-balanced
cross-entropy, each class weighing ``(1 - beta) / (1 - beta^n)`` (Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, CVPR
2019); logit adjustment (A. Menon et al., ICLR 2021). A network trained on any but the first gives no probabilities by
itself; `to_probabilities` gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from counterpoise.calibrate.losses import focal_to_probability, logit_adjusted_to_probability
from counterpoise.calibrate.prior import correct_prior
from counterpoise.errors import OptionError, nearest_names

__all__ = ["LOSSES", "LossSpec", "class_balanced_weights", "row_loss", "to_probabilities"]

LOSSES = ("cross_entropy", "focal", "class_balanced", "logit_adjusted")
"""Names of the losses."""


@dataclass(frozen=True)
class LossSpec:
    """A loss with its numbers.

    Attributes
    ----------
    name : str
        One of `LOSSES`.
    gamma : float
        Exponent of the focal loss.
    tau : float
        Factor of the logit adjustment.
    prior : tuple of float
        Share of each class in what the network sees.
    """

    name: str
    gamma: float
    tau: float
    prior: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.name not in LOSSES:
            raise OptionError(
                f"loss={self.name!r} was given.",
                expected=f"Expected one of {', '.join(LOSSES)}.",
                hint=nearest_names(str(self.name), list(LOSSES)),
            )
        if not self.gamma >= 0 or not np.isfinite(self.tau):
            raise OptionError(
                f"gamma={self.gamma!r}, tau={self.tau!r} were given.",
                expected="Expected gamma of at least 0 and a finite tau.",
            )


def row_loss(spec: LossSpec, jnp: Any) -> Callable[[Any, Any], Any]:
    """Give the loss of each row as a function of logits and class codes.

    Parameters
    ----------
    spec : LossSpec
        The loss.
    jnp : module
        ``jax.numpy``.

    Returns
    -------
    callable
        Of logits of shape (n, 1) or (n, n_classes) and int codes of shape (n,); gives shape (n,).
    """
    logs = np.log(np.asarray(spec.prior, dtype=np.float64))
    shift = (
        spec.tau * (logs[1] - logs[0] if len(logs) == 2 else logs) if spec.name == "logit_adjusted" else 0.0
    )
    gamma = spec.gamma if spec.name == "focal" else 0.0

    def log_probability(logits: Any, codes: Any) -> Any:  # numpydoc ignore=GL08,PR01
        """Give the log of the probability of each row's own class."""
        if logits.shape[-1] == 1:
            margin = (logits[:, 0] + shift) * (2.0 * codes - 1.0)
            return -jnp.logaddexp(0.0, -margin)
        moved = logits + shift
        top = moved.max(axis=-1, keepdims=True)
        total = jnp.log(jnp.exp(moved - top).sum(axis=-1)) + top[:, 0]
        return jnp.take_along_axis(moved, codes[:, None], axis=-1)[:, 0] - total

    def loss(logits: Any, codes: Any) -> Any:  # numpydoc ignore=GL08,PR01
        log_p = log_probability(logits, codes)
        return -log_p if gamma == 0 else -((1.0 - jnp.exp(log_p)) ** gamma) * log_p

    return loss


def class_balanced_weights(counts: np.ndarray, beta: float) -> np.ndarray:
    """Weigh each class by its effective number of rows.

    Parameters
    ----------
    counts : ndarray of shape (n_classes,), float64
        Rows of each class.
    beta : float
        Below 1: the nearer to 1, the more the weights are inverse to the counts.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        ``(1 - beta) / (1 - beta^n)``, of mean 1 over the rows.

    Raises
    ------
    OptionError
        If beta is not between 0 and 1.
    """
    if not 0 <= beta < 1:
        raise OptionError(f"beta={beta!r} was given.", expected="Expected a number from 0 to below 1.")
    weights = (1.0 - beta) / (1.0 - beta**counts)
    return np.asarray(weights * counts.sum() / (weights @ counts))


def to_probabilities(spec: LossSpec, rates: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Turn outputs into probabilities at the balance of the table.

    Parameters
    ----------
    spec : LossSpec
        The loss of the training.
    rates : ndarray of shape (n_classes,), float64
        How often (or with which weight) a row of each class was seen in training.
    logits : ndarray of shape (n, 1) or (n, n_classes)
        Outputs.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
        Probabilities.
    """
    logits = logits.astype(np.float64)
    if spec.name == "logit_adjusted":
        own = logits[:, 0] if logits.shape[1] == 1 else logits
        seen = logit_adjusted_to_probability(own, np.asarray(spec.prior), spec.tau)
    else:
        seen = expit(logits[:, 0]) if logits.shape[1] == 1 else np.asarray(softmax(logits, axis=1))
        if spec.name == "focal":
            seen = focal_to_probability(seen, spec.gamma)
    both = np.column_stack([1.0 - seen, seen]) if seen.ndim == 1 else seen
    return correct_prior(both, rates)
