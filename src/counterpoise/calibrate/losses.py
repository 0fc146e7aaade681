r"""Outputs of models trained on focal or logit-adjusted losses, mapped back to probabilities.

Both losses are good for ranking and for rare classes, and both leave outputs that are not probabilities. The way
back is known in closed form.

Sources: N. Charoenphakdee, J. Vongkulbhisal, N. Chairatanakul and M. Sugiyama, "On focal loss for class-posterior
probability estimation", CVPR 2021 (arXiv:2011.09172), theorem 11; A. Menon et al., "Long-tail learning via logit
adjustment", ICLR 2021, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.calibrate.inputs import as_numbers, as_probabilities
from counterpoise.calibrate.odds import probability
from counterpoise.calibrate.prior import as_prior, as_rates
from counterpoise.errors import InputError

__all__ = ["focal_to_probability", "logit_adjusted_to_probability"]

_LEAST = 1e-300
_MOST = float(np.nextafter(1.0, 0.0))


def focal_to_probability(proba: Any, gamma: float, alpha: Any = None) -> np.ndarray:
    r"""Turn the outputs of a model trained on the focal loss into probabilities.

    With :math:`\ell(v) = -\alpha_c (1 - v)^\gamma \log v` the outputs :math:`v` of the best model satisfy
    :math:`p_c \propto h(v_c) / \alpha_c` with
    :math:`h(v) = v / ((1-v)^\gamma - \gamma (1-v)^{\gamma-1} v \log v)`.

    Parameters
    ----------
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Sigmoid or softmax outputs.
    gamma : float
        Focusing parameter of the loss, at least 0; 0 is the cross-entropy.
    alpha : array-like of shape (n_classes,), optional
        Class weights of the loss; none by default.

    Returns
    -------
    ndarray, float64
        Probabilities in the shape given.

    Raises
    ------
    InputError
        If an output is outside [0, 1] or gamma is negative.

    Examples
    --------
    >>> focal_to_probability([0.5, 0.7], gamma=2.0).round(3).tolist()
    [0.5, 0.906]
    """
    v = as_probabilities(proba)
    if not (np.isfinite(gamma) and gamma >= 0.0):
        raise InputError(
            f"gamma={gamma!r} was given.",
            expected="Expected a number of at least 0.",
            why="It is the exponent of the focal loss that the model was trained on.",
            hint="Pass the gamma of the training; 2.0 is usual.",
        )
    matrix = np.column_stack([1.0 - v, v]) if v.ndim == 1 else v
    scale = np.ones(matrix.shape[1]) if alpha is None else as_rates(alpha, matrix.shape[1], "alpha")
    log_h = _log_focal(np.clip(matrix, _LEAST, _MOST), float(gamma)) - np.log(scale)
    h = np.exp(log_h - log_h.max(axis=1, keepdims=True))
    back = h / h.sum(axis=1, keepdims=True)
    return np.asarray(back[:, 1] if v.ndim == 1 else back)


def _log_focal(v: np.ndarray, gamma: float) -> np.ndarray:
    rest = 1.0 - v
    return np.asarray(np.log(v) - (gamma - 1.0) * np.log(rest) - np.log(rest - gamma * v * np.log(v)))


def logit_adjusted_to_probability(logits: Any, prior: Any, tau: float = 1.0) -> np.ndarray:
    r"""Turn the logits of a model trained on the logit-adjusted loss into probabilities.

    The loss adds :math:`\tau \log \pi_c` to the logits in training, so that the bare logits rank for balanced error;
    adding it again gives probabilities: :math:`p = \operatorname{softmax}(f + \tau \log \pi)`.

    Parameters
    ----------
    logits : array-like of shape (n_rows,) or (n_rows, n_classes)
        Bare logits; one column is the logit of the second of two classes against the first.
    prior : float or array-like of shape (n_classes,)
        Shares of the classes used in the loss; a number is the share of the positive class.
    tau : float, default=1.0
        Temperature of the adjustment in the loss.

    Returns
    -------
    ndarray, float64
        Probabilities in the shape given.

    Raises
    ------
    InputError
        If a logit is NaN, the shares are none, or tau is not a number.

    Examples
    --------
    >>> logit_adjusted_to_probability([0.0], prior=0.01).round(4).tolist()
    [0.01]
    """
    f = as_numbers(logits, "logits")
    if np.isnan(f).any() or f.ndim not in (1, 2) or not np.isfinite(tau):
        raise InputError(
            f"logits of shape {f.shape} with {int(np.isnan(f).sum())} NaN and tau={tau!r} were given.",
            expected="Expected numbers, one a row or one a row and class.",
            why="Each logit is shifted by the log of its class's share.",
            hint="Pass the network's outputs before sigmoid or softmax.",
        )
    shares = as_rates(as_prior(prior, "prior"), 2 if f.ndim == 1 else f.shape[1], "prior")
    if f.ndim == 1:
        return probability(f + tau * float(np.log(shares[1] / shares[0])))
    z = f + tau * np.log(shares)
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True))
