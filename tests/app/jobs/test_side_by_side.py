"""Participants are shared among threads or processes, and the death of one costs no other."""

import json
import os
import platform
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import joblib
import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.jobs import side_by_side
from drmbids.app.jobs.outcomes import Outcome, exit_code, write_outcomes
from drmbids.app.jobs.output import lock_path
from drmbids.app.jobs.side_by_side import processes, run_side_by_side
from drmbids.data.tools.interruption import ask_to_stop, watching
from drmbids.data.tools.processes import TerminatedWorkerError

SUBJECTS = ["01", "02", "03", "04"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path, tmp_path, "participant", verbosity=-1)


def test_one_after_another_in_this_process(config: Config, tmp_path: Path) -> None:
    seen = []

    def work(own: Config, subject: str) -> Outcome:
        seen.append((os.getpid(), subject))
        return Outcome(subject, 0.0)

    list(run_side_by_side(work, config, SUBJECTS, tmp_path))
    assert seen == [(os.getpid(), s) for s in SUBJECTS]


def test_threads_of_joblib(config: Config, tmp_path: Path) -> None:
    barrier = threading.Barrier(2, timeout=30)  # two have to be at work at once

    def work(own: Config, subject: str) -> Outcome:
        barrier.wait()
        assert own.n_cpus == 1
        return Outcome(subject, 0.0)

    with joblib.parallel_config("threading", n_jobs=2):
        found = list(run_side_by_side(work, config, SUBJECTS, tmp_path))
    assert sorted(o.subject for o in found) == SUBJECTS


def test_a_killed_process_is_named_and_the_others_finish(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """joblib gives up all tasks when a process is killed; `benchmarks faults` kills a real one."""
    calls = []

    def shared(work, config, subjects, n_at_once, call) -> Iterator[Outcome]:
        calls.append(list(subjects))
        for subject in subjects:
            if subject == "02":
                dead = {"host": platform.node(), "pid": 2**22 + 1, "started": 1}
                for one in ("02", "03") if len(subjects) > 1 else ():  # both were at work
                    lock_path(tmp_path, one).write_text(json.dumps(dead))
                raise TerminatedWorkerError
            yield work(config, subject)

    def work(own: Config, subject: str) -> Outcome:
        return Outcome(subject, 0.0)

    monkeypatch.setattr(side_by_side, "_shared", shared)
    found = list(run_side_by_side(work, replace(config, n_cpus=2), SUBJECTS, tmp_path))
    assert calls == [SUBJECTS, ["04"], ["02"], ["03"]]
    by_subject = {outcome.subject: outcome for outcome in found}
    assert sorted(by_subject) == SUBJECTS and len(found) == 4
    assert [s for s, o in by_subject.items() if o.error] == ["02"]
    assert "memory ran out" in (by_subject["02"].error or "")
    assert exit_code(found, stopped=False) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 1), ({"n_cpus": 4}, 4), ({"n_cpus": 4, "n_threads": 3}, 1),
     ({"n_cpus": 4, "n_threads": 2}, 2), ({"n_cpus": 4, "mem_mb": 2500}, 2),
     ({"n_cpus": 4, "mem_mb": 10}, 1)],
)  # fmt: skip
def test_processors_and_memory_say_how_many(
    config: Config, options: dict, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "participant_mb", lambda config, subject: 1000.0)
    assert processes(replace(config, **options), SUBJECTS) == expected


def test_processes_that_no_participant_needs_go_to_its_folds(
    config: Config, tmp_path: Path
) -> None:
    given = []

    def work(own: Config, subject: str) -> Outcome:
        given.append(own.n_cpus)
        return Outcome(subject, 0.0)

    list(run_side_by_side(work, replace(config, n_cpus=6), ["01"], tmp_path))
    assert given == [6]


def test_nobody_is_started_after_a_stop(config: Config, tmp_path: Path) -> None:
    def work(own: Config, subject: str) -> Outcome:
        ask_to_stop()
        return Outcome(subject, 0.0, "stopped", 75)

    with watching(tmp_path / "stop"):
        found = list(run_side_by_side(work, config, SUBJECTS, tmp_path))
        assert [o.subject for o in found] == ["01"]
        assert (tmp_path / "stop").exists()
    write_outcomes(found, SUBJECTS, tmp_path / "participants.tsv")
    lines = (tmp_path / "participants.tsv").read_text().splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == ["interrupted", *["not finished"] * 3]
    assert exit_code(found, stopped=True) == 75


def outcome(code: int, left_out: tuple[str, ...] = ()) -> Outcome:
    return Outcome("01", 0.0, "x" if code else None, code, left_out)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [([outcome(0)], 0), ([outcome(0), outcome(65)], 1), ([outcome(65), outcome(65)], 65),
     ([outcome(65), outcome(73)], 1), ([outcome(0, ("run",))], 1),
     ([outcome(65), outcome(75)], 65)],
)  # fmt: skip
def test_exit_code_of_all(outcomes: list[Outcome], expected: int) -> None:
    assert exit_code(outcomes, stopped=False) == expected
