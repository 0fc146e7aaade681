"""What Prometheus is told: requests, rows, alerts, seconds; no feature values, and few labels."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Gauges"]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Ends of the bins of how long an answer took."""


class Gauges:
    """Counts of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name = "counterpoise_"
        self._requests = self._of(Counter, name + "requests", "Answered requests.", "route", "status")
        self._seconds = self._of(
            Histogram, name + "seconds", "Seconds until the answer.", "route", buckets=SECONDS
        )
        self._rows = self._of(Counter, name + "predictions", "Rows scored.", "endpoint", "version", "variant")
        self._alerts = self._of(
            Counter, name + "alerts", "Rows called positive.", "endpoint", "version", "variant"
        )
        self._labels = self._of(Counter, name + "labels", "Labels taken.", "endpoint", "kind")
        self._endpoints = self._of(Gauge, name + "endpoints", "Endpoints that answer.")
        self._shadow = self._of(
            Counter, name + "shadow_errors", "Requests that a shadow failed at.", "endpoint"
        )

    def _of(self, kind: type, name: str, text: str, *labels: str, **options: object) -> Any:
        return kind(name, text, labels, registry=self._registry, **options)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer.

        Parameters
        ----------
        route : str
            The address with its parameters left open.
        status : int
            HTTP status.
        seconds : float
            How long it took.
        """
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, endpoint: str, version: int, variant: str, rows: int, alerts: int) -> None:
        """Count predictions.

        Parameters
        ----------
        endpoint : str
            Where.
        version : int
            Who.
        variant : str
            In which part.
        rows, alerts : int
            How many, and how many of them positive.
        """
        where = (endpoint, str(version), variant)
        self._rows.labels(*where).inc(rows)
        self._alerts.labels(*where).inc(alerts)

    def labelled(self, endpoint: str, **taken: int) -> None:
        """Count labels.

        Parameters
        ----------
        endpoint : str
            Where.
        **taken : int
            How many were new, changed or repeated.
        """
        for kind, n in taken.items():
            self._labels.labels(endpoint, kind).inc(n)

    def shadow_failed(self, endpoint: str) -> None:
        """Count a request that a challenger in shadow could not answer.

        Parameters
        ----------
        endpoint : str
            Where.
        """
        self._shadow.labels(endpoint).inc()

    def text(self, n_endpoints: int) -> bytes:
        """Write all counts as Prometheus reads them.

        Parameters
        ----------
        n_endpoints : int
            Endpoints that answer now.

        Returns
        -------
        bytes
            Text exposition format.
        """
        self._endpoints.set(n_endpoints)
        return bytes(generate_latest(self._registry))
