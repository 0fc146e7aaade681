"""The tutorial's network on shape A: ours beside TensorFlow as its tutorial on imbalanced data writes it.

TensorFlow is not a dependency. Install it in an environment of its own and name its interpreter in
COUNTERPOISE_TENSORFLOW_PYTHON; without it the peer is Keras's own `fit`, on JAX, a step at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS, PATIENCE = 100, 10
BATCH = 2048
TARGET_EPOCH, TARGET_SCORE = 3.0, 4.0
VARIABLE = "COUNTERPOISE_TENSORFLOW_PYTHON"


def average_precision(score: np.ndarray, y: np.ndarray) -> float:
    """Give average precision; the peer's environment needs no scikit-learn."""
    order = np.argsort(-score, kind="stable")
    hit = y[order] == 1
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def peer(folder: Path) -> dict[str, Any]:
    """Train the tutorial's network with Keras's own fit and the tutorial's metrics; runs in a process of its own."""
    import keras

    data = np.load(folder / "data.npz")
    X, y, X_val, y_val = (data[name] for name in ("X", "y", "X_val", "y_val"))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(
                1,
                activation="sigmoid",
                bias_initializer=keras.initializers.Constant(float(np.log(y.sum() / (len(y) - y.sum())))),
            ),
        ]
    )
    metrics = keras.metrics
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[
            metrics.MeanSquaredError(name="brier"),
            metrics.TruePositives(name="tp"),
            metrics.FalsePositives(name="fp"),
            metrics.TrueNegatives(name="tn"),
            metrics.FalseNegatives(name="fn"),
            metrics.Precision(name="precision"),
            metrics.Recall(name="recall"),
            metrics.AUC(name="prc", curve="PR"),
        ],
    )
    log: dict[str, list[float]] = {"seconds": [], "score": []}
    stop = keras.callbacks.EarlyStopping("val_prc", mode="max", patience=PATIENCE, restore_best_weights=True)

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            log["seconds"].append(time.perf_counter() - self.start)
            score = np.asarray(self.model.predict(X_val, batch_size=65_536, verbose=0))[:, 0]
            log["score"].append(average_precision(score, y_val))

    model.fit(
        X,
        y,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(X_val, y_val),
        verbose=0,
        callbacks=[Clock(), stop],
    )
    return {**log, "backend": keras.config.backend()}


def ours(folder: Path) -> dict[str, Any]:
    """Train the same network with MLPClassifier; the whole fit is on the clock, compiling included."""
    from counterpoise.learn.keras import MLPClassifier

    data = np.load(folder / "data.npz")
    X, y, X_val, y_val = (data[name] for name in ("X", "y", "X_val", "y_val"))
    model = MLPClassifier(
        (16,), dropout=0.5, batch_size=BATCH, max_epochs=EPOCHS, patience=PATIENCE, random_state=0
    )
    start = time.perf_counter()
    model.fit(X, y, validation_data=(X_val, y_val))
    total = time.perf_counter() - start
    history = model.history_
    seconds = history["seconds"].to_list()
    return {
        "seconds": seconds,
        "score": history["val_average_precision"].to_list(),
        "extra": total - sum(seconds),
        "backend": "ours",
    }


def in_process(interpreter: str, which: str, folder: Path, backend: str) -> dict[str, Any]:
    """Run one side by itself."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [interpreter, str(Path(__file__).resolve()), which, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def whole(run: dict[str, Any]) -> float:
    """Give the seconds of the fit: all epochs until it stopped, compiling and preparing included."""
    return float(sum(run["seconds"]) + run.get("extra", 0.0))


def main() -> list[dict[str, object]]:
    """Run and print.

    Returns
    -------
    list of dict
        Seconds of an epoch (median, the first with its compiling left out) and of the fit with early stopping.
    """
    from sklearn.model_selection import train_test_split

    from bench.linear import shape_a

    X, y = shape_a(n=227_845, n_positive=400)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    interpreter = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {"X": X_train, "X_val": X_val}
        arrays = {key: value.astype(np.float32) for key, value in parts.items()}
        np.savez(folder / "data.npz", y=y_train, y_val=y_val, **arrays)
        mine = in_process(sys.executable, "ours", folder, "jax")
        other = in_process(
            interpreter or sys.executable, "peer", folder, "tensorflow" if interpreter else "jax"
        )
    scores = f"best validation AP {max(mine['score']):.3f}, the peer's {max(other['score']):.3f}"
    rows = []
    for what, target, own, theirs in (
        ("an epoch", TARGET_EPOCH, np.median(mine["seconds"][1:]), np.median(other["seconds"][1:])),
        (f"fit with early stopping ({scores})", TARGET_SCORE, whole(mine), whole(other)),
    ):
        rows.append(
            {
                "name": f"tutorial's network, {what}; peer: Keras on {other['backend']}",
                "ours seconds": round(float(own), 3),
                "peer seconds": round(float(theirs), 3),
                "ratio": round(float(theirs / own), 2),
                "target": f">= {target}",
                "met": bool(theirs / own >= target),
            }
        )
        print(rows[-1])
    return rows


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps({"ours": ours, "peer": peer}[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main()
