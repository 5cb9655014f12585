"""A page of metrics as others read it: the parsers of the Prometheus project."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families


def parse_text(page: str) -> list[Metric]:
    """Read the text format."""
    return list(text_string_to_metric_families(page))


def parse_openmetrics(page: str) -> list[Metric]:
    """Read OpenMetrics, whose parser refuses what is not quite so."""
    return list(openmetrics.text_string_to_metric_families(page))  # type: ignore[no-untyped-call]


def values(families: Iterable[Metric]) -> dict[str, dict[str, float]]:
    """Return sample names to label values (with ``|`` between) to numbers."""
    found: dict[str, dict[str, float]] = {}
    for family in families:
        for one in family.samples:
            found.setdefault(one.name, {})["|".join(one.labels.values())] = one.value
    return found
