"""Public tables with a rare outcome: where each is, who made it, under which licence, and what must be in it.

Numbers of rows and of positives are those that the sources state; a file that holds others is refused. Checksums are
named where they are published beside the address: by scikit-learn for covertype and KDD Cup 1999, and for the others
in several public repositories that fetch the same file. Where none is known, the first download records its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PUBLIC", "PublicTable"]

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
_CC_BY = "CC BY 4.0"


@dataclass(frozen=True)
class PublicTable:
    """A public table: its address, its source, and what it must hold.

    Parameters
    ----------
    name : str
        What `fetch` calls it.
    address : str
        Where the file is.
    file : str
        The file's name in the cache.
    n_rows, n_positive : int
        What the source states.
    target : str
        The source's column with the outcome.
    positive : tuple of str
        Its values, as text, that count as positive.
    about : str
        What a row is and what is rare.
    source : str
        The page or paper to cite.
    licence : str
        As the source states it.
    sha256 : str, optional
        The checksum, where one is published.
    form : {"csv", "blanks", "arff"}, default="csv"
        With a separator, with blanks between values, or ARFF.
    columns : tuple of str, default=()
        Names, where the file has no header.
    separator : str, default=","
        Between values.
    member : str, default=""
        The file within a zip.
    drop : tuple of str, default=()
        Columns that name a row or leak the outcome.
    roles : dict of str, default={}
        Other roles of columns.
    """

    name: str
    address: str
    file: str
    n_rows: int
    n_positive: int
    target: str
    positive: tuple[str, ...]
    about: str
    source: str
    licence: str
    sha256: str | None = None
    form: Literal["csv", "blanks", "arff"] = "csv"
    columns: tuple[str, ...] = ()
    separator: str = ","
    member: str = ""
    drop: tuple[str, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)


def _numbered(n: int, *more: str) -> tuple[str, ...]:
    return (*(f"x{j + 1}" for j in range(n)), *more)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_KDD_COLUMNS = _words(
    """duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins
    logged_in num_compromised root_shell su_attempted num_root num_file_creations num_shells num_access_files
    num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate
    srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count
    dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate dst_host_srv_diff_host_rate
    dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate dst_host_srv_rerror_rate attack"""
)
_HYPOTHYROID_COLUMNS = _words(
    """diagnosis age sex on_thyroxine query_on_thyroxine on_antithyroid_medication thyroid_surgery query_hypothyroid
    query_hyperthyroid pregnant sick tumor lithium goitre TSH_measured TSH T3_measured T3 TT4_measured TT4
    T4U_measured T4U FTI_measured FTI TBG_measured TBG"""
)
_LETTER_COLUMNS = _words(
    """letter x_box y_box width high onpix x_bar y_bar x2bar y2bar xybar x2ybr xy2br x_ege xegvy y_ege yegvx"""
)

_TABLES = (
    PublicTable(
        "creditcard",
        "https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv",
        "creditcard.csv",
        284_807,
        492,
        "Class",
        ("1",),
        "Card payments of two days in September 2013; fraud.",
        "Dal Pozzolo, Caelen, Johnson and Bontempi, Calibrating probability with undersampling, CIDM 2015; "
        "https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud",
        "DbCL 1.0, as stated at Kaggle",
        sha256="76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89",
        roles={"time": "Time", "amount": "Amount"},
    ),
    PublicTable(
        "covertype_cottonwood",
        "https://ndownloader.figshare.com/files/5976039",
        "covtype.data.gz",
        581_012,
        2_747,
        "x55",
        ("4",),
        "Patches of forest of 30 by 30 metres; cottonwood and willow.",
        "Blackard and Dean 1999; https://archive.ics.uci.edu/dataset/31/covertype",
        _CC_BY,
        sha256="614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",
        columns=_numbered(55),
    ),
    PublicTable(
        "kdd99_user_to_root",
        "https://ndownloader.figshare.com/files/5976042",
        "kddcup99_10_percent.gz",
        494_021,
        52,
        "attack",
        ("buffer_overflow.", "loadmodule.", "perl.", "rootkit."),
        "Network connections (the ten-per-cent part); attacks from a user to root.",
        "KDD Cup 1999; https://archive.ics.uci.edu/dataset/130/kdd+cup+1999+data",
        _CC_BY,
        sha256="8045aca0d84e70e622d1148d7df782496f6333bf6eb979a1b0837c42a9fd9561",
        columns=_KDD_COLUMNS,
    ),
    PublicTable(
        "mammography",
        "https://raw.githubusercontent.com/jbrownlee/Datasets/master/mammography.csv",
        "mammography.csv",
        11_183,
        260,
        "x7",
        ("'1'",),
        "Regions of mammograms; microcalcifications.",
        "Woods et al., IJPRAI 7(6), 1993; https://www.openml.org/d/310",
        "not stated",
        sha256="7d3dea3f075f30bbdbb8980e7725684059b4fe3d0f850fadd0f635f6993d8730",
        columns=_numbered(7),
    ),
    PublicTable(
        "credit_default",
        "https://archive.ics.uci.edu/static/public/350/data.csv",
        "credit_default.csv",
        30_000,
        6_636,
        "Y",
        ("1",),
        "Card clients in Taiwan, 2005; default in the next month.",
        "Yeh and Lien 2009; https://archive.ics.uci.edu/dataset/350",
        _CC_BY,
        sha256="45bcf4df62ff2e237a74eb155cabfb4bbbc171219a0637daef44fdad07503dd0",
        drop=("ID",),
    ),
    PublicTable(
        "machine_failure",
        f"{_UCI}/00601/ai4i2020.csv",
        "ai4i2020.csv",
        10_000,
        339,
        "Machine failure",
        ("1",),
        "Simulated milling machines; failure.",
        "Matzka 2020; https://doi.org/10.24432/C5HS5C",
        _CC_BY,
        drop=("UDI", "Product ID", "TWF", "HDF", "PWF", "OSF", "RNF"),
    ),
    PublicTable(
        "bank_marketing",
        "https://archive.ics.uci.edu/static/public/222/data.csv",
        "bank_marketing.csv",
        45_211,
        5_289,
        "y",
        ("yes",),
        "Calls of a Portuguese bank; a deposit is opened. The call's duration is left out: it is known only after.",
        "Moro, Cortez and Rita 2014; https://archive.ics.uci.edu/dataset/222",
        _CC_BY,
        drop=("duration",),
    ),
    PublicTable(
        "online_shoppers",
        f"{_UCI}/00468/online_shoppers_intention.csv",
        "online_shoppers.csv",
        12_330,
        1_908,
        "Revenue",
        ("true", "TRUE"),
        "Visits to a shop on the web; a purchase.",
        "Sakar et al. 2019; https://archive.ics.uci.edu/dataset/468",
        _CC_BY,
    ),
    PublicTable(
        "pulsars",
        f"{_UCI}/00372/HTRU2.zip",
        "HTRU2.zip",
        17_898,
        1_639,
        "is_pulsar",
        ("1",),
        "Candidates from a sky survey; pulsars.",
        "Lyon et al. 2016; https://archive.ics.uci.edu/dataset/372/htru2",
        _CC_BY,
        sha256="ba442c076dd22a8952700f26e38499fc1806037dcf7bea0e125e6bfba393f379",
        member="HTRU_2.csv",
        columns=(
            "mean",
            "sd",
            "kurtosis",
            "skewness",
            "dm_mean",
            "dm_sd",
            "dm_kurtosis",
            "dm_skewness",
            "is_pulsar",
        ),
    ),
    PublicTable(
        "seismic_bumps",
        f"{_UCI}/00266/seismic-bumps.arff",
        "seismic-bumps.arff",
        2_584,
        170,
        "class",
        ("1",),
        "Shifts in a coal mine; a high-energy bump in the next.",
        "Sikora and Wrobel 2010; https://archive.ics.uci.edu/dataset/266/seismic+bumps",
        _CC_BY,
        sha256="aabe512fab65b36d1dfb462650b75cfd8d99d8cc2723e8ecb4e6f5e1caccd5a7",
        form="arff",
    ),
    PublicTable(
        "abalone_19",
        f"{_UCI}/abalone/abalone.data",
        "abalone.data",
        4_177,
        32,
        "rings",
        ("19",),
        "Abalones; those with nineteen rings.",
        "Nash et al. 1994; https://archive.ics.uci.edu/dataset/1/abalone",
        _CC_BY,
        columns=("sex", "length", "diameter", "height", "whole", "shucked", "viscera", "shell", "rings"),
    ),
    PublicTable(
        "yeast_me2",
        f"{_UCI}/yeast/yeast.data",
        "yeast.data",
        1_484,
        51,
        "site",
        ("ME2",),
        "Proteins of yeast; those at the membrane with an uncleaved signal.",
        "Horton and Nakai 1996; https://archive.ics.uci.edu/dataset/110/yeast",
        _CC_BY,
        form="blanks",
        columns=("protein", "mcg", "gvh", "alm", "mit", "erl", "pox", "vac", "nuc", "site"),
        drop=("protein",),
    ),
    PublicTable(
        "wine_quality_red_4",
        f"{_UCI}/wine-quality/winequality-red.csv",
        "winequality-red.csv",
        1_599,
        53,
        "quality",
        ("4",),
        "Red wines; those of quality 4.",
        "Cortez et al. 2009; https://archive.ics.uci.edu/dataset/186/wine+quality",
        _CC_BY,
        separator=";",
    ),
    PublicTable(
        "car_good",
        f"{_UCI}/car/car.data",
        "car.data",
        1_728,
        69,
        "grade",
        ("good",),
        "Cars by six categories; those graded good.",
        "Bohanec and Rajkovic 1988; https://archive.ics.uci.edu/dataset/19/car+evaluation",
        _CC_BY,
        columns=("buying", "maintenance", "doors", "persons", "boot", "safety", "grade"),
    ),
    PublicTable(
        "german_credit",
        f"{_UCI}/statlog/german/german.data",
        "german.data",
        1_000,
        300,
        "x21",
        ("2",),
        "Borrowers; bad risks.",
        "Hofmann 1994; https://archive.ics.uci.edu/dataset/144",
        _CC_BY,
        form="blanks",
        columns=_numbered(21),
    ),
    PublicTable(
        "hypothyroid",
        f"{_UCI}/thyroid-disease/hypothyroid.data",
        "hypothyroid.data",
        3_163,
        151,
        "diagnosis",
        ("hypothyroid",),
        "Patients, with many values missing; an underactive thyroid.",
        "Quinlan 1986; https://archive.ics.uci.edu/dataset/102/thyroid+disease",
        _CC_BY,
        columns=_HYPOTHYROID_COLUMNS,
    ),
    PublicTable(
        "letter_z",
        f"{_UCI}/letter-recognition/letter-recognition.data",
        "letter-recognition.data",
        20_000,
        734,
        "letter",
        ("Z",),
        "Printed letters; Z.",
        "Frey and Slate 1991; https://archive.ics.uci.edu/dataset/59/letter+recognition",
        _CC_BY,
        columns=_LETTER_COLUMNS,
    ),
)

PUBLIC: dict[str, PublicTable] = {table.name: table for table in _TABLES}
"""Public tables by name."""
