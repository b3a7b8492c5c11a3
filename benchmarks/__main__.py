"""`python -m benchmarks`: runs the scenarios and writes the report. See README.md."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import servers, startup
from benchmarks.contenders import NAMES
from benchmarks.in_process import measure
from benchmarks.report import Report, Table
from benchmarks.scenarios import SCENARIOS, Scenario

PACKAGES = {"velo": "velo-core"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer scenarios and rounds: about two minutes")
    parser.add_argument("--only", default="", help="scenarios whose names begin with one of these, separated by commas")
    parser.add_argument("--contenders", default=",".join(NAMES), help="names, separated by commas; `raw` is always there")
    parser.add_argument("--parts", default="in-process,servers,start", help="what is measured: in-process, servers, start")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="the folder for results.md and results.svg")
    return parser.parse_args()


def chosen(only: str, *, quick: bool) -> Sequence[Scenario]:
    """The scenarios of a run."""
    if only:
        wanted = tuple(name.strip() for name in only.split(","))
        return [scenario for name, scenario in SCENARIOS.items() if name.startswith(wanted)]
    return [scenario for scenario in SCENARIOS.values() if scenario.quick or not quick]


def in_process(scenarios: Sequence[Scenario], names: Sequence[str], *, quick: bool) -> Table:
    table = Table("In process, ASGI", "microseconds per request", names)
    for scenario in scenarios:
        table.rows[scenario.name] = row = asyncio.run(measure(scenario, names, rounds=15 if quick else 40, seconds=0.008))
        said = (f"{name} {value:.2f}" for name, value in row.items() if isinstance(value, float))
        print(f"{scenario.name}: {', '.join(said)}", flush=True)
    return table


def start(names: Sequence[str], *, quick: bool) -> Sequence[Table]:
    rounds, routes = (3, 1000) if quick else (7, 1000)
    imports = Table("Start", "milliseconds of processor time, and modules", names)
    imported = {name: startup.import_milliseconds(name, rounds) for name in names}
    imports.rows["import"] = {name: milliseconds for name, (milliseconds, _) in imported.items()}
    imports.rows["modules after it"] = {name: modules for name, (_, modules) in imported.items()}
    first = Table(f"{routes} routes", "milliseconds of processor time, and mebibytes", names)
    served = {name: startup.routes_to_first_request(name, routes, rounds) for name in names}
    first.rows["from import to the first request"] = {name: milliseconds for name, (milliseconds, _) in served.items()}
    first.rows["resident memory then"] = {name: mebibytes for name, (_, mebibytes) in served.items()}
    return [imports, first]


def versions(names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*names, "msgspec", "pydantic", "granian", "uvicorn"):
        try:
            found[PACKAGES.get(name, name)] = version(PACKAGES.get(name, name))
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    chosen_arguments = arguments()
    quick: bool = chosen_arguments.quick
    names = list(dict.fromkeys(["raw", *chosen_arguments.contenders.split(",")]))
    parts: list[str] = chosen_arguments.parts.split(",")
    report = Report(versions=versions(names))
    if "in-process" in parts:
        report.tables.append(in_process(chosen(chosen_arguments.only, quick=quick), names, quick=quick))
    if "start" in parts:
        report.tables += start(names, quick=quick)
    if "servers" in parts:
        report.tables += servers.tables(names, quick=quick)
    output: Path = chosen_arguments.output
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.md").write_text(report.markdown())
    (output / "results.svg").write_text(report.svg())
    print(f"written to {output / 'results.md'} and results.svg")


if __name__ == "__main__":
    main()
