"""Numbers of one kind: of each scenario and each contender, and how they compare."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Table"]


def is_peer(name: str) -> bool:
    """Whether a contender is neither hand-written nor Velo; the name may begin with its server."""
    return not name.endswith(("raw", "velo"))


@dataclass(slots=True)
class Table:
    """One kind of measurement.

    Attributes:
        title: What it is.
        unit: Of the numbers.
        rows: By scenario, then by contender: a number, or why there is none.
        names: The contenders, the one that others are compared with first.
        ours: The contender that the fastest peer is compared with.
        more_is_better: Whether a larger number is better.
        across: Whether contenders are the lines, for there are many.
        samples: What the numbers are medians of, where contenders took turns: the n-th of each are of one round.
    """

    title: str
    unit: str
    names: Sequence[str]
    rows: dict[str, Mapping[str, float | str]] = field(default_factory=dict[str, Mapping[str, float | str]])
    ours: str = "velo"
    more_is_better: bool = False
    across: bool = False
    samples: dict[str, Mapping[str, Sequence[float]]] = field(default_factory=dict[str, Mapping[str, Sequence[float]]])

    def add(self, scenario: str, samples: Mapping[str, Sequence[float]], why: Mapping[str, str]) -> None:
        """A row of medians."""
        self.samples[scenario] = samples
        self.rows[scenario] = {**why, **{name: statistics.median(found) for name, found in samples.items()}}

    def value(self, scenario: str, name: str) -> float | None:
        """The number of a contender, if it has one."""
        value = self.rows.get(scenario, {}).get(name)
        return value if isinstance(value, float) else None

    def ratios(self, scenario: str, name: str, to: str | None = None) -> Sequence[float]:
        """The numbers of a contender by those of another one, the first one if none is named: of each round, if there were such."""
        other = to or self.names[0]
        samples = self.samples.get(scenario, {})
        if name in samples and other in samples:
            return [value / first for value, first in zip(samples[name], samples[other], strict=False)]
        value, first = self.value(scenario, name), self.value(scenario, other)
        return [] if value is None or not first else [value / first]

    def ratio(self, scenario: str, name: str, to: str | None = None) -> float | None:
        """The median of the ratios."""
        found = self.ratios(scenario, name, to)
        return statistics.median(found) if found else None

    def fastest_peer(self, scenario: str) -> str | None:
        """The best of those that are neither hand-written nor Velo."""
        peers = {name: value for name in self.names if is_peer(name) and (value := self.value(scenario, name)) is not None}
        return (max if self.more_is_better else min)(peers, key=peers.__getitem__) if peers else None

    def ahead(self, scenario: str) -> float | None:
        """How many times better Velo is than the best peer."""
        peer = self.fastest_peer(scenario)
        ratio = None if peer is None else self.ratio(scenario, self.ours, peer)
        return None if not ratio else (ratio if self.more_is_better else 1 / ratio)

    def markdown(self) -> str:
        """Each number with its ratio to the first contender; `-` where a contender cannot do that."""
        lines = [f"## {self.title}", "", f"In {self.unit}; in brackets the ratio to {self.names[0]}.", ""]
        ahead = {scenario: self._ahead_cell(scenario) for scenario in self.rows}
        if self.across:
            lines += ["| |" + "|".join(self.rows) + "|", "|---|" + "---:|" * len(self.rows)]
            lines += [f"| {name} |" + "|".join(self._cell(scenario, name) for scenario in self.rows) + "|" for name in self.names]
            lines.append("| **ahead of the best peer** |" + "|".join(ahead.values()) + "|")
        else:
            lines += ["| |" + "|".join(self.names) + "| ahead of the best peer |", "|---|" + "---:|" * (len(self.names) + 1)]
            for scenario in self.rows:
                lines.append(f"| {scenario} |" + "|".join(self._cell(scenario, name) for name in self.names) + f"|{ahead[scenario]}|")
        notes = [
            f"- {name}, {scenario}: {value}" for scenario, row in self.rows.items() for name, value in row.items() if isinstance(value, str)
        ]
        return "\n".join([*lines, *(["", "Not measured:", "", *notes] if notes else []), ""])

    def _ahead_cell(self, scenario: str) -> str:
        ahead = self.ahead(scenario)
        return " - " if ahead is None else f" {ahead:.2f} x {self.fastest_peer(scenario)} "

    def _cell(self, scenario: str, name: str) -> str:
        value = self.value(scenario, name)
        if value is None:
            return " - "
        ratio = self.ratio(scenario, name)
        digits = 2 if value < 100 else 0
        return f" {value:,.{digits}f} " + (f"({ratio:.2f}) " if ratio is not None and name != self.names[0] else "")
