"""What was measured, as a Markdown page and as a plot."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from benchmarks.bar import bar_markdown, verdicts
from benchmarks.tables import Table

__all__ = ["Report"]

COLOURS = ("#888888", "#d62728", "#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#ff7f0e")


@dataclass(slots=True)
class Report:
    """All that one run has measured."""

    tables: list[Table] = field(default_factory=list[Table])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])

    def markdown(self) -> str:
        """The report as a page."""
        where = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        missing = [f"- {name} could not be imported here: {reason}" for name, reason in self.missing.items()]
        head = [
            "# Benchmarks",
            "",
            f"{where}. {packages}.",
            "",
            f"Made by `{' '.join(['python -m benchmarks', *sys.argv[1:]])}`.",
            "Numbers of one run may be compared with each other, numbers of two runs may not.",
            "",
            "![Ratios, on a logarithmic scale](results.svg)",
            "",
            *([*missing, ""] if missing else []),
        ]
        return "\n".join([*head, bar_markdown(verdicts(self.tables)), *(table.markdown() for table in self.tables)])

    def svg(self) -> str:
        """The ratios of all tables: a line for each scenario, a dot for each contender, on a logarithmic scale."""
        names = list(dict.fromkeys(name for table in self.tables for name in table.names))
        colours = dict(zip(names, (COLOURS * 3)[: len(names)], strict=True))
        points = [
            (
                f"{scenario}, {table.title.lower()}",
                [(name, ratio) for name in table.names if (ratio := table.ratio(scenario, name)) is not None],
            )
            for table in self.tables
            for scenario in table.rows
        ]
        ratios = [ratio for _, found in points for _, ratio in found] or [1.0]
        low, high = math.floor(math.log10(min(ratios)) * 4) / 4, math.ceil(math.log10(max(ratios)) * 4) / 4 or 0.25
        left, width, line, top = 320, 760, 20, 60
        height = top + line * len(points) + 40

        size = f'width="{left + width + 40}" height="{height}"'

        def x(ratio: float) -> float:
            return left + width * (math.log10(ratio) - low) / (high - low)

        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
            f'<rect {size} fill="white"/>',
        ]
        for index, name in enumerate(names):
            parts.append(f'<circle cx="{20 + index * 105}" cy="20" r="5" fill="{colours[name]}"/>')
            parts.append(f'<text x="{29 + index * 105}" y="24">{escape(name)}</text>')
        for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
            if low <= math.log10(tick) <= high:
                parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top - 12}" y2="{height - 30}" stroke="#ddd"/>')
                parts.append(f'<text x="{x(tick):.1f}" y="{height - 14}" text-anchor="middle">{tick:g}</text>')
        for index, (label, found) in enumerate(points):
            y = top + index * line
            parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
            parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#eee"/>')
            for name, ratio in reversed(found):
                parts.append(f'<circle cx="{x(ratio):.1f}" cy="{y}" r="4.5" fill="{colours[name]}" fill-opacity="0.85"><title>')
                parts.append(f"{escape(name)}: {ratio:.2f}</title></circle>")
        return "\n".join([*parts, "</svg>", ""])
