"""One process at a time works on a participant, and a dead one keeps nobody waiting."""

import json
import multiprocessing
import os
import platform
import signal
import time
from pathlib import Path

import pytest

from drmbids.app.jobs import locks
from drmbids.app.jobs.locks import GONE_AFTER_S, LockedError, held, left_by_the_dead
from drmbids.data.tools.exceptions import OutputError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".sub-01.lock"


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)


def hold(path: Path) -> None:
    with held(path, "sub-01"):
        time.sleep(60)


@pytest.fixture
def holder(path: Path):
    """Yield another process that holds the lock."""
    process = multiprocessing.get_context("fork").Process(target=hold, args=(path,))
    process.start()
    while not (path.exists() and path.read_bytes()):
        time.sleep(0.01)
    yield process
    process.kill()
    process.join()


def write(path: Path, **told: object) -> None:
    content = {"host": platform.node(), "pid": os.getpid(), "started": None, "job": None, **told}
    path.write_text(json.dumps(content))


def test_a_lock_is_gone_after_use(path: Path) -> None:
    with held(path, "sub-01"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        with held(path.with_name(".sub-02.lock"), "sub-02"):
            pass
    assert not path.exists()


def test_a_second_one_is_told_who_has_it(path: Path, holder) -> None:
    told = f"sub-01: another process .*process {holder.pid} on"
    with pytest.raises(LockedError, match=told), held(path, "sub-01"):
        raise AssertionError
    assert not left_by_the_dead(path)
    assert LockedError.exit_code == 73


def test_a_second_one_within_the_process_is_refused_too(path: Path) -> None:
    with held(path, "sub-01"), pytest.raises(LockedError), held(path, "sub-01"):
        raise AssertionError


def test_a_killed_holder_keeps_nobody_waiting(path: Path, holder) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert left_by_the_dead(path)
    with held(path, "sub-01"):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_waiting_for_another(path: Path, holder) -> None:
    started = time.monotonic()
    with pytest.raises(LockedError), held(path, "sub-01", wait=0.2):
        raise AssertionError
    assert time.monotonic() - started >= 0.2
    holder.kill()
    with held(path, "sub-01", wait=30):
        pass


def test_a_number_that_was_given_again_is_another_process(path: Path) -> None:
    write(path, started=1)
    with held(path, "sub-01"):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_what_is_no_lock_locks_nothing(path: Path, content: str) -> None:
    path.write_text(content)
    with held(path, "sub-01"):
        pass


def test_a_holder_on_another_machine_counts_while_it_gives_signs(path: Path) -> None:
    write(path, host="elsewhere")
    with pytest.raises(LockedError, match="on elsewhere"), held(path, "sub-01"):
        raise AssertionError
    old = time.time() - GONE_AFTER_S - 1
    os.utime(path, (old, old))
    with held(path, "sub-01"):
        pass


def test_the_same_job_on_another_machine_takes_its_lock_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    write(path, host="elsewhere", job="12_4")
    with pytest.raises(LockedError), held(path, "sub-01"):
        raise AssertionError
    write(path, host="elsewhere", job="12_3")
    with held(path, "sub-01"):
        pass


def test_without_locks_of_the_file_system_the_file_has_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int, how: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    with held(path, "sub-01"), pytest.raises(LockedError), held(path, "sub-01"):
        raise AssertionError
    assert not path.exists()


def test_signs_of_life(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SIGN_EVERY_S", 0.01)
    with held(path, "sub-01"):
        os.utime(path, (0, 0))
        until = time.monotonic() + 10
        while path.stat().st_mtime < 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert path.stat().st_mtime > 1


def test_a_lock_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), held(tmp_path / "file" / "x", "sub-01"):
        raise AssertionError
