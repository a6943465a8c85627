"""What a benchmark reports: rows of figures, each with the bar it should reach, and curves."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

COLUMNS = ("what", "measured", "of its limit", "times reference", "bar", "note")
"""Of a table of rows."""


@dataclass(frozen=True)
class Bar:
    """What a row should reach."""

    of: Literal["share", "ratio", "value"]
    threshold: float
    """At least; at most where the value itself is judged and lower is better."""


@dataclass(frozen=True)
class Row:
    """One measured thing, beside what bounds it and what it is compared with, all in one unit."""

    name: str
    value: float | None
    """None where it cannot be had; `note` says why."""
    unit: str
    limit: float | None = None
    """What the machine would allow if nothing else bounded the work."""
    limited_by: str = ""
    reference: float | None = None
    """The same work done another way: by the reference in torch, unless the name says otherwise."""
    bar: Bar | None = None
    better: Literal["higher", "lower"] = "higher"
    note: str = ""

    @property
    def share(self) -> float | None:
        """The value as a part of the limit."""
        return None if self.value is None or self.limit is None else self.value / self.limit

    @property
    def ratio(self) -> float | None:
        """How many times better than the reference; above 1 is better, whichever way is better."""
        if self.value is None or self.reference is None:
            return None
        return self.value / self.reference if self.better == "higher" else self.reference / self.value

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None where there is none, or nothing to hold against it."""
        if self.bar is None:
            return None
        figure = {"share": self.share, "ratio": self.ratio, "value": self.value}[self.bar.of]
        if figure is None:
            return None
        at_most = self.bar.of == "value" and self.better == "lower"
        return figure <= self.bar.threshold if at_most else figure >= self.bar.threshold

    def as_json(self) -> dict[str, Any]:
        """All fields, with share, ratio and met."""
        return asdict(self) | {"share": self.share, "ratio": self.ratio, "met": self.met}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Row":
        """The row that `as_json` wrote."""
        own: dict[str, Any] = {item.name: values[item.name] for item in fields(cls)}
        own["bar"] = None if own["bar"] is None else Bar(**own["bar"])
        return cls(**own)

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """The row of a table as text, under COLUMNS."""
        value = "-" if self.value is None else f"{self.value:.4g} {self.unit}"
        share = "" if self.share is None else f"{100 * self.share:.0f} % of {self.limited_by}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        return self.name, value, share, ratio, self._bar_text(), self.note

    def _bar_text(self) -> str:
        if self.bar is None:
            return ""
        threshold = (
            f"{100 * self.bar.threshold:.0f} %" if self.bar.of == "share" else f"{self.bar.threshold:g}"
        )
        sign = "at most" if self.bar.of == "value" and self.better == "lower" else "at least"
        return f"{sign} {threshold}: {'open' if self.met is None else 'met' if self.met else 'missed'}"


@dataclass(frozen=True)
class Curve:
    """A figure over something that grows."""

    name: str
    x_label: str
    y_label: str
    points: tuple[tuple[float, float], ...]
    logarithmic: bool = True
    """Whether the slope means something and both axes are logarithmic."""

    @property
    def slope(self) -> float | None:
        """Of the line through the points in log-log: 1 is proportional, 0 does not depend."""
        return log_log_slope(self.points) if self.logarithmic else None

    def as_json(self) -> dict[str, Any]:
        """All fields, with the slope."""
        return asdict(self) | {"slope": self.slope}


@dataclass(frozen=True)
class Report:
    """What one word of `rayloom bench` found."""

    word: str
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...] = ()

    def as_json(self, machine: dict[str, Any]) -> dict[str, Any]:
        """Rows and curves under a description of the machine."""
        return {
            "word": self.word,
            "machine": machine,
            "rows": [row.as_json() for row in self.rows],
            "curves": [curve.as_json() for curve in self.curves],
        }


def log_log_slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Slope of the least-squares line through (log x, log y); None below two different positive x."""
    usable = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in usable}) < 2:
        return None
    x_mean = math.fsum(x for x, _ in usable) / len(usable)
    y_mean = math.fsum(y for _, y in usable) / len(usable)
    across = math.fsum((x - x_mean) * (y - y_mean) for x, y in usable)
    return across / math.fsum((x - x_mean) ** 2 for x, _ in usable)
