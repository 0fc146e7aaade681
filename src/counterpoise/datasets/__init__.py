"""Tables anyone can make: card payments with fraud, card defaults, Gaussian blobs.

Each is drawn from a seed, needs no file and no network, and gives the same table on every machine.
"""

from counterpoise.datasets.blobs import gaussian_blobs
from counterpoise.datasets.defaults import card_defaults
from counterpoise.datasets.payments import card_payments
from counterpoise.datasets.simulate import KINDS, simulate

__all__ = ["KINDS", "card_defaults", "card_payments", "gaussian_blobs", "simulate"]
