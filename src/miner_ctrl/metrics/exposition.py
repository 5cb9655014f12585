"""The two text formats that Prometheus reads. Pure: values in, lines out.

Sample lines are the same in both; only what introduces a family, and the end, differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum

from miner_ctrl.metrics.families import Family, Kind

END = "# EOF\n"


class Exposition(Enum):
    """A format; its value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def accepted(accept: str) -> Exposition:
    """Return the format to answer with for an ``Accept`` header: OpenMetrics where it is asked for, else text."""
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        said = dict(parameter.partition("=")[::2] for parameter in parameters)
        if (
            kind == "application/openmetrics-text"
            and said.get("version", "1.0.0").strip('"') in ("1.0.0", "0.0.1")
            and said.get("q", "1").rstrip("0").rstrip(".") not in ("", "0")
        ):
            return Exposition.OPENMETRICS
    return Exposition.TEXT


def head(family: Family, form: Exposition) -> str:
    """Return the lines that introduce ``family``."""
    name, kind = family.name, family.kind.value
    if form is Exposition.OPENMETRICS:
        name = name.removesuffix("_total").removesuffix("_info")
    elif family.kind is Kind.INFO:
        kind = "gauge"
    return f"# HELP {name} {_help(family.help)}\n# TYPE {name} {kind}\n"


def sample(name: str, labels: str, value: float) -> str:
    """Return one line; ``labels`` is what ``label_text`` made, or empty."""
    return f"{name}{{{labels}}} {number(value)}\n" if labels else f"{name} {number(value)}\n"


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """Return ``a="…",b="…"``."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True))


def escaped(value: str) -> str:
    """Return a label's value as it stands between quotes: whatever it says, it ends where it should.

    What is no text (half of a surrogate pair, which JSON can say) becomes a question mark: the page is UTF-8.
    """
    if value.isascii() and value.isprintable() and "\\" not in value and '"' not in value:
        return value
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def number(value: float) -> str:
    """Return ``value`` as Prometheus reads it."""
    if isinstance(value, int):
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")


def histogram(family: Family, bounds: Sequence[float], counts: Iterable[int], total: float) -> str:
    """Return the lines of a histogram; ``counts`` are those of each bound alone, and of what is above the last."""
    lines, so_far = [], 0
    for bound, count in zip((*bounds, math.inf), counts, strict=True):
        so_far += count
        lines.append(sample(f"{family.name}_bucket", f'le="{number(float(bound))}"', so_far))
    lines += [sample(f"{family.name}_sum", "", float(total)), sample(f"{family.name}_count", "", so_far)]
    return "".join(lines)


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
