"""What faults cost: participant runs that are killed, stopped or out of disk, and started again.

Every row runs ``drmbids ... participant`` in processes of its own on a small simulated dataset and
compares what is there in the end with an unbroken run, file by file. Processes come from a server
that has imported everything, so that the moment of a fault falls into the analysis.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import parallel_config

from benchmarks.rows import Absent, Row
from drmbids.app.analysis.config import Config
from drmbids.app.cli.main import main
from drmbids.app.jobs.locks import held
from drmbids.app.jobs.outcomes import Outcome
from drmbids.app.jobs.output import lock_path
from drmbids.app.jobs.side_by_side import run_side_by_side
from drmbids.data.tools.interruption import Interrupted
from drmbids.data.tools.processes import KILLED
from drmbids.data.tools.resources import demo_dataset

N_KILLS, SEED = 20, 0
OPTIONS = ("--n-epochs", "8", "--n-permutations", "200", "--checkpoint-minutes", "0", "-q")
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["benchmarks.__main__", "drmbids.app.commands.participant"])

# How long a fit took, and when, is another every time; the report shows both.
_TIMES = ("seconds",)
_NOT_COMPARED = (".html", ".svg")


def start(arguments: Sequence[str]) -> multiprocessing.Process:
    """Start the command line in a process of its own."""
    process = _SERVER.Process(target=_run, args=(list(arguments),))
    process.start()
    return process


def _run(arguments: list[str]) -> None:
    sys.exit(main(arguments))


def content_of(root: Path) -> dict[str, Any]:
    """Return what a derivative dataset says, by the names of its files: all but times and logs."""
    found: dict[str, Any] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        if name.startswith("logs/") and "/" in name.removeprefix("logs/"):
            continue
        if path.name.endswith("traininglog.tsv"):
            table = pd.read_csv(path, sep="\t").drop(columns=list(_TIMES))
            found[name] = table.to_csv(index=False)
        elif path.name.endswith("desc-inputs_runs.json"):
            record = json.loads(path.read_text())
            found[name] = {k: v for k, v in record.items() if k != "command"}
        else:
            found[name] = None if path.suffix in _NOT_COMPARED else path.read_bytes()
    return found


def differences(found: Path, wanted: Path) -> list[str]:
    """Return the names of files that differ between two derivative datasets, or are in one only."""
    first, second = content_of(found), content_of(wanted)
    nothing = object()
    names = sorted({*first, *second})
    return [n for n in names if first.get(n, nothing) != second.get(n, nothing)]


@dataclass
class Trial:
    """One dataset, analysed without a fault and with some.

    Parameters
    ----------
    bids : Path
    folder : Path
        To write to.
    options : sequence of str
        Of the command line.
    """

    bids: Path
    folder: Path
    options: Sequence[str] = OPTIONS
    exit_codes: list[int] = field(default_factory=list)

    def arguments(self, out: Path) -> list[str]:
        """Return the command line for an output folder."""
        return [str(self.bids), str(out), "participant", *self.options]

    def unbroken(self) -> float:
        """Analyse without a fault; return the seconds it took."""
        warm = start(["--version"])  # the server of processes has imported everything then
        warm.join()
        started = time.monotonic()
        process = start(self.arguments(self.folder / "whole"))
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"the unbroken run ended with {process.exitcode}")
        return time.monotonic() - started

    def broken(self, n: int, how: signal.Signals, seconds: float, seed: int) -> list[str]:
        """Analyse until a signal has hit so many times, at random moments; return what differs.

        An analysis that is complete begins again from nothing.
        """
        draw, hits, different = random.Random(seed), 0, []
        out = self.folder / "broken"
        while True:
            process = start(self.arguments(out))
            process.join(draw.uniform(0.02, 0.9) * seconds if hits < n else None)
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, how)
                process.join()
            self.exit_codes.append(process.exitcode or 0)
            hits += process.exitcode != 0
            if process.exitcode == 0:
                different += self.differing()
                if hits >= n:
                    return different
                shutil.rmtree(out)

    def differing(self) -> list[str]:
        """Return files that differ from the unbroken run, and what faults left behind."""
        broken = self.folder / "broken"
        left = [p.name for p in broken.iterdir() if p.name.startswith((".sub-", ".drmbids_work"))]
        return [*differences(broken, self.folder / "whole"), *left]


@contextmanager
def trial() -> Iterator[Trial]:
    """Yield a trial on the first participant of the data that come with the package."""
    data = demo_dataset()
    with tempfile.TemporaryDirectory() as folder:
        derived = next(p for p in (data / "derivatives").iterdir() if p.is_dir())
        mask = next((derived / "sub-01").glob("func/*_desc-V1_mask.nii.gz"))
        where = ("--derivatives", f"prep={derived}", "--mask", f"V1={mask}")
        chosen = ("--participant-label", "01")
        yield Trial(data, Path(folder), (*where, *chosen, *OPTIONS))


def _signalled(name: str, how: signal.Signals, n: int) -> list[Row]:
    with trial() as one:
        seconds = one.unbroken()
        different = one.broken(n, how, seconds, SEED)
    counted = ", ".join(f"{c} x {one.exit_codes.count(c)}" for c in sorted(set(one.exit_codes)))
    detail = f"{n} signals, unbroken {seconds:.1f} s, exit codes {counted}"
    detail += f"; {', '.join(different[:3]) or 'all files equal'}"
    allowed = {0, -how} if how == signal.SIGKILL else {0, Interrupted.exit_code}
    wrong = sum(code not in allowed for code in one.exit_codes)
    return [
        Row(name, "participant", "files that differ", float(len(different)), 0.0, True, detail),
        Row(name, "participant", "other exit codes", float(wrong), 0.0, True),
    ]


def kill() -> list[Row]:
    """Kill a run at random moments (SIGKILL) and start it again."""
    return _signalled("kill", signal.SIGKILL, N_KILLS)


def sigterm() -> list[Row]:
    """Tell a run to stop at random moments (SIGTERM) and start it again."""
    return _signalled("sigterm", signal.SIGTERM, N_KILLS // 2)


def usr1() -> list[Row]:
    """Tell a run that its time is nearly over (SIGUSR1) and start it again."""
    return _signalled("usr1", signal.SIGUSR1, N_KILLS // 2)


def side_by_side() -> list[Row]:
    """Share two participants among threads and processes, and the folds of one among processes."""
    different: list[str] = []
    with trial() as one:
        both = [x for x in one.options if x not in ("--participant-label", "01")]
        calls = {
            "whole": (both, {"backend": "loky", "n_jobs": 1}),
            "threads": (both, {"backend": "threading", "n_jobs": 2}),
            "processes": ([*both, "--n-cpus", "2"], {}),
            "folds": ([*one.options, "--n-cpus", "2"], {}),
        }
        for name, (options, backend) in calls.items():
            out = one.folder / name
            with parallel_config(**(backend or {"backend": "loky"})):
                if main([str(one.bids), str(out), "participant", *options]) != 0:
                    different.append(f"{name}: failed")
            found = differences(out, one.folder / "whole")
            different += [f for f in found if name != "folds" or "sub-02" not in f]
    detail = ", ".join(different[:3]) or "threads, processes and folds: all files equal"
    wrong = float(len(different))
    return [Row("side-by-side", "participants", "files that differ", wrong, 0.0, True, detail)]


def killed_worker() -> list[Row]:
    """Kill one of two processes that share participants; the others finish, and it is named."""
    subjects = ["01", "02", "03"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        config = Config(out, out, "participant", n_cpus=2, verbosity=-1)

        def work(own: Config, subject: str) -> Outcome:
            with held(lock_path(out, subject), f"sub-{subject}"):
                if subject == "02":
                    os.kill(os.getpid(), signal.SIGKILL)
            return Outcome(subject, 0.0)

        found = list(run_side_by_side(work, config, subjects, out))
    failed = [o.subject for o in found if o.error and KILLED in o.error]
    lost = set(subjects) - {o.subject for o in found}
    wrong = len(lost) + (failed != ["02"])
    return [Row("killed-worker", "participants", "lost or blamed wrongly", wrong, 0.0, True)]


def full_disk() -> list[Row]:
    """Let the disk fill up at different moments, make room, and start again."""
    if shutil.which("unshare") is None:
        raise Absent("unshare, which mounts a small disk")
    sizes, different, codes = (1, 2, 3, 4, 5, 6), [], []
    with trial() as one:
        one.unbroken()
        whole = sum(p.stat().st_size for p in (one.folder / "whole").rglob("*") if p.is_file())
        for size in sizes:
            disk = one.folder / f"disk-{size}"
            disk.mkdir()
            run = _quoted([sys.executable, "-m", "drmbids", *one.arguments(disk / "broken")])
            again = f"mount -o remount,size=200m {disk} && {run}"
            keep = f"cp -a {disk}/broken {one.folder}/broken"
            most = int(whole * size / (len(sizes) + 1))
            script = f"mount -t tmpfs -o size={most} t {disk} || exit 99; {run}; echo CODE $?; "
            done = subprocess.run(
                ["unshare", "-Urm", "sh", "-c", f"{script} {again}; echo CODE $?; {keep}"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 99:
                raise Absent("right to mount a small disk")
            found = [int(x.split()[1]) for x in done.stdout.splitlines() if x.startswith("CODE")]
            codes.append(found)
            different += one.differing()
            shutil.rmtree(one.folder / "broken")
    wrong = sum(found != [73, 0] for found in codes)
    detail = f"exit codes full and with room again: {codes}"
    return [
        Row("full-disk", "participant", "files that differ", len(different), 0.0, True, detail),
        Row("full-disk", "participant", "calls not ending 73 and 0", wrong, 0.0, True),
    ]


def _quoted(parts: Sequence[str]) -> str:
    return " ".join(f"'{part}'" for part in parts)


ROWS = {
    "kill": kill,
    "sigterm": sigterm,
    "usr1": usr1,
    "side-by-side": side_by_side,
    "killed-worker": killed_worker,
    "full-disk": full_disk,
}
