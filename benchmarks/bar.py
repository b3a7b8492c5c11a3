"""Whether Velo reaches what `bar.toml` asks for."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.tables import Table

__all__ = ["Verdict", "bar_markdown", "scenarios_of_the_bar", "verdicts"]

BAR: Sequence[Mapping[str, Any]] = tomllib.loads((Path(__file__).parent / "bar.toml").read_text())["bar"]
Measure = Callable[[Table, str, Mapping[str, Any]], float | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the bar; `value` is `None` if it was not measured."""

    what: str
    wanted: str
    value: float | None
    met: bool
    spread: str = ""


def _to_scenario(table: Table, scenario: str, line: Mapping[str, Any]) -> float | None:
    value, other = table.value(scenario, table.ours), table.value(line["other"], table.ours)
    return None if value is None or not other else value / other


def _more(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "raw": ("ratio to raw", lambda table, scenario, line: table.ratio(scenario, table.ours)),
    "peer": ("times the best peer", lambda table, scenario, line: table.ahead(scenario)),
    "value": ("", lambda table, scenario, line: table.value(scenario, table.ours)),
    "scenario": ("ratio to {other}", _to_scenario),
    "more": (
        "more than {other}",
        lambda table, scenario, line: _more(table.value(scenario, table.ours), table.value(line["other"], table.ours)),
    ),
    "more than raw": (
        "more than raw",
        lambda table, scenario, line: _more(table.value(scenario, table.ours), table.value(scenario, "raw")),
    ),
    "below": (
        "more than {other}",
        lambda table, scenario, line: _more(table.value(scenario, table.ours), table.value(scenario, line["other"])),
    ),
}
"""What a line speaks of, in words, and how it is taken from the table."""


def scenarios_of_the_bar(table: str) -> Sequence[str]:
    """All scenarios of a table that the bar needs."""
    found: list[str] = []
    for line in BAR:
        if table.startswith(line["table"]):
            found += line["scenarios"]
            found += [line["other"]] if line["to"] in ("scenario", "more") else []
    return list(dict.fromkeys(found))


def verdicts(tables: Sequence[Table]) -> Sequence[Verdict]:
    """All lines of the bar, in its order."""
    found: list[Verdict] = []
    for line in BAR:
        words, measure = MEASURES[line["to"]]
        at_most: float = line.get("at_most", inf)
        at_least: float = line.get("at_least", -inf)
        limit = f"≤ {at_most:g}" if at_most < inf else f"≥ {at_least:g}"
        wanted = f"{words.format(**line)} {limit}".strip()
        for scenario in line["scenarios"]:
            table = next((table for table in tables if table.title.startswith(line["table"]) and scenario in table.rows), None)
            value = None if table is None else measure(table, scenario, line)
            met = value is not None and at_least <= value <= at_most
            spread = "" if table is None or line["to"] != "raw" else _spread(table.ratios(scenario, table.ours))
            peer = f", {table.fastest_peer(scenario)}" if table is not None and line["to"] == "peer" else ""
            found.append(Verdict(f"{line['table']}: {scenario}", wanted + peer, value, met, spread))
    return found


def _spread(ratios: Sequence[float]) -> str:
    """The middle half of several rounds."""
    if len(ratios) < 3:
        return ""
    low, _, high = quantiles(ratios, n=4)
    return f" ({low:.2f} to {high:.2f} in {len(ratios)} rounds)"


def bar_markdown(lines: Sequence[Verdict]) -> str:
    """A table of them. Those that were not measured are left out."""
    rows = [
        f"| {line.what} | {line.wanted} | {line.value:.2f}{line.spread} | {'met' if line.met else '**not met**'} |"
        for line in lines
        if line.value is not None
    ]
    return "\n".join(["## The bar", "", "| | wanted | measured | |", "|---|---|---:|---|", *rows, ""])
