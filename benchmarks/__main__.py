"""`python -m benchmarks`: runs the scenarios and writes the report. See README.md."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import servers, startup
from benchmarks.bar import bar_markdown, scenarios_of_the_bar, verdicts
from benchmarks.contenders import NAMES, missing
from benchmarks.in_process import measure
from benchmarks.report import Report
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.tables import Table

PACKAGES = {"velo": "velo-core"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer scenarios and rounds: a few minutes")
    parser.add_argument("--bar", action="store_true", help="only what bar.toml asks for: about six minutes")
    parser.add_argument("--only", default="", help="scenarios whose names begin with one of these, separated by commas")
    parser.add_argument("--contenders", default=",".join(NAMES), help="names, separated by commas; `raw` is always there")
    parser.add_argument("--parts", default="in-process,servers,start", help="what is measured: in-process, servers, start")
    parser.add_argument("--rounds", type=int, default=0, help="how often each contender has its turn; otherwise it depends on the part")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="the folder for results.md and results.svg")
    return parser.parse_args()


def chosen(given: argparse.Namespace) -> Sequence[Scenario]:
    """The scenarios of a run."""
    if given.bar:
        return [SCENARIOS[name] for name in scenarios_of_the_bar("In process")]
    if given.only:
        wanted = tuple(name.strip() for name in given.only.split(","))
        return [scenario for name, scenario in SCENARIOS.items() if name.startswith(wanted)]
    return [scenario for scenario in SCENARIOS.values() if scenario.quick or not given.quick]


def in_process(scenarios: Sequence[Scenario], names: Sequence[str], rounds: int) -> Sequence[Table]:
    of_asgi = Table("In process, ASGI", "microseconds per request", [name for name in names if name not in ("robyn", "flask")])
    of_wsgi = Table("In process, WSGI", "microseconds per request", [name for name in names if name in ("raw", "velo", "falcon", "flask")])
    for scenario in scenarios:
        table = of_wsgi if scenario.protocol == "wsgi" else of_asgi
        table.rows[scenario.name] = row = asyncio.run(measure(scenario, table.names, rounds=rounds, seconds=0.008))
        print(f"{scenario.name}: {', '.join(_said(name, value) for name, value in row.items())}", flush=True)
    return [table for table in (of_asgi, of_wsgi) if table.rows]


def _said(name: str, value: float | str) -> str:
    return f"{name} {value:.2f}" if isinstance(value, float) else f"{name}: {value}"


def chosen_loads(given: argparse.Namespace) -> Sequence[str]:
    """What is sent to servers in a run."""
    if given.bar:
        return scenarios_of_the_bar("Through servers, rate")
    if given.only:
        wanted = tuple(name.strip() for name in given.only.split(","))
        return [name for name in servers.LOADS if name.startswith(wanted)]
    return servers.QUICK if given.quick else list(servers.LOADS)


def start(names: Sequence[str], rounds: int) -> Sequence[Table]:
    names = [name for name in names if name in startup.IMPORTS]
    imports = Table("Start", "milliseconds of processor time, and modules", names)
    imported = startup.taking_turns({name: startup.importing(name) for name in names}, rounds)
    imports.rows["import"] = {name: milliseconds for name, (milliseconds, _) in imported.items()}
    imports.rows["modules after it"] = {name: modules for name, (_, modules) in imported.items()}
    found = [imports]
    for routes in (1, 1000):
        table = Table(f"{routes} routes" if routes > 1 else "1 route", "milliseconds of processor time, and mebibytes", names)
        served = startup.taking_turns({name: startup.serving(name, routes) for name in names if name in startup.ROUTES}, rounds)
        table.rows["from import to the first request"] = {name: milliseconds for name, (milliseconds, _) in served.items()}
        table.rows["resident memory then"] = {name: mebibytes for name, (_, mebibytes) in served.items()}
        found.append(table)
    for table in found:
        for row, values in table.rows.items():
            print(f"{table.title}, {row}: {', '.join(_said(name, value) for name, value in values.items())}", flush=True)
    return found


def versions(names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*names, "msgspec", "pydantic", "granian", "uvicorn"):
        try:
            found[PACKAGES.get(name, name)] = version(PACKAGES.get(name, name))
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    given = arguments()
    asked = list(dict.fromkeys(["raw", *given.contenders.split(",")]))
    absent = missing(asked)
    names = [name for name in asked if name not in absent]
    few: bool = given.quick or given.bar
    parts: list[str] = given.parts.split(",")
    report = Report(versions=versions(names), missing=absent)
    if "start" in parts:
        of_the_bar = [name for name in names if name in ("raw", "velo", "starlette")]
        report.tables += start(of_the_bar if given.bar else names, given.rounds or (5 if given.bar else 2 if given.quick else 7))
    if "servers" in parts:
        rounds = given.rounds or (2 if few else 7)
        report.tables += servers.tables(
            names, chosen_loads(given), few=few, rounds=rounds, close_rounds=given.rounds or (15 if given.bar else 0)
        )
    if "in-process" in parts:
        report.tables += in_process(chosen(given), names, given.rounds or (15 if given.quick else 40))
    output: Path = given.output
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.md").write_text(report.markdown())
    (output / "results.svg").write_text(report.svg())
    print(bar_markdown(verdicts(report.tables)))
    print(f"written to {output / 'results.md'} and results.svg")


if __name__ == "__main__":
    main()
