"""``python -m benchmarks SUITE [--only ROW ...] [--json FILE]``."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import (
    accuracy,
    bids,
    choices,
    defaults,
    delays,
    engine,
    faults,
    gpu,
    intervals,
    maps,
    models,
    peers,
    readouts,
    restraint,
    small_studies,
    solvers,
    starts,
    ticks,
)
from benchmarks.rows import Absent, Row, machine

SUITES = {
    "engine": {**engine.ROWS, **models.ROWS, **delays.ROWS, **peers.ROWS},
    "accuracy": accuracy.ROWS,
    "choices": choices.ROWS,
    "defaults": defaults.ROWS,
    "restraint": restraint.ROWS,
    "families": small_studies.ROWS,
    "solvers": {**solvers.ROWS, **maps.ROWS},
    "intervals": {**intervals.ROWS, **ticks.ROWS},
    "readouts": readouts.ROWS,
    "starts": starts.ROWS,
    "gpu": gpu.ROWS,
    "faults": faults.ROWS,
    "bids": bids.ROWS,
}


def main(argv: list[str] | None = None) -> int:
    """Run rows of a suite, print each as it ends, and write all as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows to run; all when not given")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write rows and machine here; other rows there stay",
    )
    arguments = parser.parse_args(argv)
    rows = SUITES[arguments.suite]
    unknown = [name for name in arguments.only or () if name not in rows]
    if unknown:
        parser.error(f"no row {unknown[0]!r}; there are {', '.join(rows)}")
    results: list[Row] = []
    absent = False
    for name in arguments.only or rows:
        try:
            found = rows[name]()
        except ModuleNotFoundError as error:
            print(f"{name:18} not run: {error.name} is not installed; pip install '.[bench]'")
            absent = True
            continue
        except Absent as missing:
            print(f"{name:18} not run: there is no {missing} here")
            absent = True
            continue
        for row in found:
            print(row.line(), flush=True)
        results += found
    if arguments.json:
        write(arguments.json, results)
    return 0 if all(row.reached for row in results) and not absent else 1


def write(path: Path, results: list[Row]) -> None:
    """Write rows with the machine they were seen on; rows that were not run again stay."""
    earlier = json.loads(path.read_text())["rows"] if path.exists() else []
    again = {(row.row, row.subject) for row in results}
    kept = [row for row in earlier if (row["row"], row["subject"]) not in again]
    content = {"machine": machine(), "rows": kept + [row.as_dict() for row in results]}
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
