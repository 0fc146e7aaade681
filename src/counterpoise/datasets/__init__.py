"""Tables anyone can make (card payments with fraud, card defaults, Gaussian blobs) or fetch (public ones).

What is made is drawn from a seed, needs no file and no network, and gives the same table on every machine. What is
fetched is verified every time it is read.
"""

from counterpoise.datasets.blobs import gaussian_blobs
from counterpoise.datasets.defaults import card_defaults
from counterpoise.datasets.fetch import cache_folder, fetch
from counterpoise.datasets.fetch_catalogue import PUBLIC, PublicTable
from counterpoise.datasets.payments import card_payments
from counterpoise.datasets.simulate import KINDS, simulate

__all__ = [
    "KINDS",
    "PUBLIC",
    "PublicTable",
    "cache_folder",
    "card_defaults",
    "card_payments",
    "fetch",
    "gaussian_blobs",
    "simulate",
]
