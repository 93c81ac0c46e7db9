"""A participant that is killed, stopped or met twice ends as if nothing had happened."""

import errno
import json
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from drmbids.app.cli.bids_app import EXIT_CODES
from drmbids.app.cli.main import main
from drmbids.app.jobs.locks import held
from drmbids.app.jobs.output import lock_path
from drmbids.app.jobs.scratch import WORK
from drmbids.compare.crossvalidation import fits, units

OPTIONS = ("--n-epochs", "12", "--n-permutations", "0", "--checkpoint-minutes", "0", "-q")

pytestmark = [pytest.mark.usefixtures("no_figures_in_module"), pytest.mark.whole_fit]


def run(arguments: Sequence[str]) -> None:
    # where the tests run in the background, Ctrl-C is ignored by all that they start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["drmbids", *arguments]
    runpy.run_module("drmbids", run_name="__main__", alter_sys=True)


def start(arguments: Sequence[str]) -> multiprocessing.Process:
    """Start ``python -m drmbids`` in a process in which everything is imported already."""
    process = multiprocessing.get_context("fork").Process(target=run, args=(arguments,))
    process.start()
    assert process.pid is not None
    return process


@pytest.fixture(scope="module")
def bids(write_bids: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bids(tmp_path_factory.mktemp("interrupted") / "ds", n_runs=2)


@pytest.fixture(scope="module")
def whole(bids: Path) -> Path:
    """Return the results of a run without a fault, its fits in a work folder beside them."""
    out, work = bids.parent / "whole", bids.parent / "work"
    assert main([str(bids), str(out), "participant", *OPTIONS, "-w", str(work)]) == 0
    return out


def numbers(root: Path) -> dict[str, object]:
    """Return content of files, but for pictures, pages, logs, and how long epochs took."""
    found: dict[str, object] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        if "traininglog.tsv" in name:
            found[name] = pd.read_csv(path, sep="\t").drop(columns="seconds").to_csv()
        elif name.endswith("inputs_runs.json"):
            record = json.loads(path.read_text())
            found[name] = {k: v for k, v in record.items() if k != "command"}
        elif path.parent.parent.name != "logs":
            found[name] = None if path.suffix in (".html", ".svg") else path.read_bytes()
    return found


def differing(found: Path, wanted: Path) -> list[str]:
    """Return the names of files that differ, or are in one of the folders only."""
    first, second = numbers(found), numbers(wanted)
    return [n for n in sorted({*first, *second}) if first.get(n, 0) != second.get(n, 0)]


@pytest.mark.slow
def test_killed_at_random_moments(bids: Path, whole: Path, tmp_path: Path) -> None:
    draw, out, codes = random.Random(1), tmp_path / "out", []
    arguments = [str(bids), str(out), "participant", *OPTIONS]
    for _ in range(4):
        process = start(arguments)
        process.join(draw.uniform(0.1, 0.8))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        codes.append(process.exitcode)
    assert codes.count(-signal.SIGKILL) >= 2
    assert main(arguments) == 0
    assert differing(out, whole) == []
    assert [p.name for p in out.iterdir() if p.name.startswith(".") and p.is_dir()] == []


@pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGINT])
def test_told_to_stop_while_training(bids: Path, tmp_path: Path, how: signal.Signals) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    # a checkpoint after every epoch shows that training has begun, on however busy a machine
    options = ("--n-epochs", "100000", "--checkpoint-minutes", "0", "-w", str(work), "-q")
    kept = "*/sub-01/training_*/part-0/epoch-*/manifest.json"
    process = start([str(bids), str(out), "participant", *options])
    until = time.monotonic() + 60
    while not list(work.glob(kept)) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, how)
    process.join(60)
    assert process.exitcode == (130 if how == signal.SIGINT else 75)
    assert len(list(work.glob("*/sub-01/mean_*"))) == 2
    assert list(work.glob(kept))
    assert [p.name for p in out.iterdir() if "sub-01" in p.name] == []
    assert (out / "dataset_description.json").is_file()


def test_a_participant_of_another_process_is_left_alone(
    bids: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    with held(lock_path(out, "01"), "sub-01"):
        assert main([str(bids), str(out), "participant", *OPTIONS]) == 73
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("drmbids: error: sub-01: another process works on it")
    assert differing(out, whole) == []


def test_fits_in_a_work_folder_serve_a_later_call(
    bids: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bids.parent / "work", tmp_path / "work")
    # three models in two folds, and the fit to all runs
    assert len(list((tmp_path / "work").glob("*/sub-01/*"))) == 9
    monkeypatch.setattr(fits, "fit_each", None)  # a fit would be an internal error
    monkeypatch.setattr(units, "fit_together", None)
    options = (*OPTIONS, "--work-dir", str(tmp_path / "work"), "--clean-workdir")
    assert main([str(bids), str(tmp_path / "out"), "participant", *options]) == 0
    assert differing(tmp_path / "out", whole) == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_full_disk_says_so_and_goes_on(
    bids: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, fsync, out = [0], os.fsync, tmp_path / "out"

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] > 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr("drmbids.data.storage.files.os.fsync", full)
        assert main([str(bids), str(out), "participant", *OPTIONS]) == 73
    finished = list((out / WORK / "sub-01").glob("[gm]*_*"))
    assert finished and all((p / "manifest.json").is_file() for p in finished)
    assert main([str(bids), str(out), "participant", *OPTIONS]) == 0
    assert differing(out, whole) == []


@pytest.mark.parametrize(
    ("code", "arguments"),
    [(0, ["descriptor"]), (2, ["ds", "out", "participant", "--cv", "fold"]),
     (65, ["{bids}", "{tmp}/out", "participant", "--participant-label", "77"])],
)  # fmt: skip
def test_exit_codes_of_a_process(
    bids: Path, tmp_path: Path, code: int, arguments: list[str]
) -> None:
    """The shell sees what the help says; 1, 73, 75 and 130 are seen above and in test_faults."""
    process = start([text.format(bids=bids, tmp=tmp_path) for text in arguments])
    process.join()
    assert process.exitcode == code
    assert code in EXIT_CODES
