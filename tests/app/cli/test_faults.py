"""What goes wrong ends in one line and an exit code, and leaves nothing half-written."""

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from drmbids.app.analysis import analysis
from drmbids.app.cli.main import INTERRUPTED, main
from drmbids.app.commands import participant
from drmbids.data.tools.exceptions import DataWarning

CYCLE = """\
schema_version: 1
stimuli: {events: {conditions: all}}
populations: {V1: {kind: leeky}}
projections: [{from: evnts, to: V1}]
"""

pytestmark = pytest.mark.usefixtures("no_figures")


def run(bids: Path, out: Path, *options: str) -> int:
    """Run the participant level with little training."""
    return main([str(bids), str(out), "participant", "--n-epochs", "1", *options])


def results(out: Path) -> list[str]:
    """Return what an output folder holds of participants, hidden folders included."""
    return sorted(p.name for p in out.iterdir() if "sub-" in p.name)


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines on stderr."""
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("where", ["", "sub-01/out", "sourcedata/out", ".."])
def test_output_among_the_inputs(
    tiny_bids: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tiny_bids.rglob("*"))
    assert run(tiny_bids, tiny_bids / where) == 2
    (line,) = error_lines(capsys)
    assert line.startswith("drmbids: error: ") and "the output" in line
    assert sorted(tiny_bids.rglob("*")) == before


def test_output_that_cannot_be_written(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(tiny_bids, tmp_path / "file" / "out") == 73
    (line,) = error_lines(capsys)
    assert line.startswith("drmbids: error: cannot write")


def test_no_such_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "no such folder" in error_lines(capsys)[0]
    assert not (tmp_path / "out").exists()


def test_dataset_without_description(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_bids / "dataset_description.json").unlink()
    assert run(tiny_bids, tmp_path / "out") == 65
    (line,) = error_lines(capsys)
    assert "dataset_description.json" in line


def test_dataset_without_participants(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bids = write_bids(tmp_path / "ds", subjects=())
    assert run(bids, tmp_path / "out") == 65
    assert "0 participants" in error_lines(capsys)[0]


def test_participant_that_is_not_there(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_bids, tmp_path / "out", "--participant-label", "07") == 65
    (line,) = error_lines(capsys)
    assert "no participant 07; there are 01" in line


def test_model_file_with_faults_is_refused_before_any_data_are_read(
    tiny_bids: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(analysis, "read_runs", None)  # a call would be an internal error
    model = tmp_path / "model.yaml"
    model.write_text(CYCLE)
    assert run(tiny_bids, tmp_path / "out", "--model", str(model)) == 2
    lines = error_lines(capsys)
    assert len(lines) >= 2
    assert all(line.startswith(f"drmbids: error: {model}:") for line in lines)


def test_absent_device(tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tiny_bids, tmp_path / "out", "--device", "cuda:77") == 2
    assert len(error_lines(capsys)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n_epoch = 3", "do you mean 'n_epochs'?"),
        ("cv = 'fold'", "'run', 'session', 'blocks', 'stimulus' or 'none'"),
        ("cv =", "not valid TOML"),
        ("atlas = 'a.nii'\n[mask]\nvt = 'v.nii'", "give one of them"),
    ],
)
def test_configuration_file_with_a_fault(
    tiny_bids: Path,
    tmp_path: Path,
    content: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "c.toml").write_text(content)
    assert run(tiny_bids, tmp_path / "out", "--config-file", str(tmp_path / "c.toml")) == 2
    (line,) = error_lines(capsys)
    assert message in line


def test_one_run_cannot_be_cross_validated(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = write_bids(tmp_path / "ds", n_runs=1), tmp_path / "out"
    assert run(bids, out, "--cv", "run") == 65
    (line,) = error_lines(capsys)
    assert line.startswith("drmbids: error: sub-01: ") and "--cv blocks" in line
    assert results(out) == ["sub-01.html"]
    assert (out / "dataset_description.json").is_file()


def test_one_bad_participant_does_not_stop_the_other(
    two_participants: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = two_participants / "sub-01" / "func" / "sub-01_task-look_run-2_bold.nii.gz"
    bad.write_bytes(bad.read_bytes()[:2000])
    out = tmp_path / "out"
    for other in bad.parent.glob("*run-[13]_bold.nii.gz"):
        other.write_bytes(b"")
    assert run(two_participants, out) == 1
    lines = error_lines(capsys)
    assert len(lines) == 3 and all(line.startswith("drmbids: error: sub-01: ") for line in lines)
    assert sum(bad.name in line for line in lines) == 1
    assert results(out) == ["sub-01.html", "sub-02", "sub-02.html"]
    assert (out / "sub-02/models/sub-02_task-look_desc-inputs_runs.json").is_file()
    table = next(out.glob("logs/*/participants.tsv")).read_text()
    assert "sub-01\tfailed" in table and "sub-02\tdone" in table
    assert bad.name in (out / "sub-01.html").read_text()


def test_one_bad_run_does_not_stop_the_others(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tiny_bids / "sub-01" / "func" / "sub-01_task-look_run-2_bold.nii.gz"
    bad.write_bytes(bad.read_bytes()[:2000])
    events = tiny_bids / "sub-01" / "func" / "sub-01_task-look_run-1_events.tsv"
    events.write_text(events.read_text() + "200\t1\tface\n")
    out = tmp_path / "out"
    assert run(tiny_bids, out) == 1
    (late, lost) = error_lines(capsys)
    assert late.startswith("drmbids: warning: sub-01: ") and late.endswith("[EV06]")
    assert "sub-01_task-look_run-2 is left out: " in lost and lost.endswith("[IM04]")
    record = json.loads((out / "sub-01/models/sub-01_task-look_desc-inputs_runs.json").read_text())
    assert [Path(one["bold"]).name for one in record["runs"]] == [
        "sub-01_task-look_run-1_bold.nii.gz",
        "sub-01_task-look_run-3_bold.nii.gz",
    ]
    assert bad.name in record["errors"][0] and "[EV06]" in record["warnings"][0]
    assert bad.name in (out / "sub-01.html").read_text()
    table = next(out.glob("logs/*/participants.tsv")).read_text()
    assert "sub-01\tincomplete" in table and "sub-01_task-look_run-2" in table
    assert run(tiny_bids, tmp_path / "quiet", "--ignore", "EV06") == 1
    assert len(error_lines(capsys)) == 1


def test_stop_on_first_crash(two_participants: Path, tmp_path: Path) -> None:
    for path in (two_participants / "sub-01" / "func").glob("*_events.tsv"):
        path.write_text("onset\n")
    assert run(two_participants, tmp_path / "out", "--stop-on-first-crash") == 65
    assert results(tmp_path / "out") == ["sub-01.html"]


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
def test_interrupted_run_leaves_the_earlier_result(
    tiny_bids: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(tiny_bids, out) == 0
    before = {p: p.read_bytes() for p in (out / "sub-01").rglob("*") if p.is_file()}

    def interrupt(*_: object) -> None:
        assert any(p.name.startswith(".sub-01-") for p in out.iterdir())
        if how == "ctrl-c":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(analysis, "write_scores", interrupt)
    stopped = {"ctrl-c": INTERRUPTED, "sigterm": 75}[how]
    assert run(tiny_bids, out, "--random-seed", "5", "--overwrite") == stopped
    tables = sorted(out.glob("logs/*/participants.tsv"), key=lambda path: path.stat().st_mtime)
    assert ("interrupted" if how == "sigterm" else "not finished") in tables[-1].read_text()
    assert results(out) == ["sub-01", "sub-01.html"]
    assert {p: p.read_bytes() for p in (out / "sub-01").rglob("*") if p.is_file()} == before


def test_full_disk_leaves_nothing(
    tiny_bids: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls, fsync = [0], os.fsync

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr("drmbids.data.storage.files.os.fsync", full)
    assert run(tiny_bids, tmp_path / "out") == 73
    assert calls[0] > 12
    assert "No space left on device" in error_lines(capsys)[0]
    assert [name for name in results(tmp_path / "out") if name != "sub-01.html"] == []


def test_internal_error_names_the_log(
    tiny_bids: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(analysis, "compare_models", broken)
    assert run(tiny_bids, tmp_path / "out") == 70
    (line,) = error_lines(capsys)
    assert "internal error: ZeroDivisionError: by design" in line and "Traceback" not in line
    (log,) = (tmp_path / "out").glob("logs/*/drmbids.log")
    assert str(log.parent) in line
    assert "Traceback" in log.read_text()


def test_internal_error_outside_participants_leaves_a_traceback_file(
    tiny_bids: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(participant, "find_participants", None)
    assert run(tiny_bids, tmp_path / "out") == 70
    (line,) = error_lines(capsys)
    (crash,) = (tmp_path / "out" / "logs").glob("drmbids-crash-*.log")
    assert str(crash) in line
    assert "Traceback" in crash.read_text()


def test_debug_shows_the_traceback(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_bids, tmp_path / "out", "--participant-label", "07", "--debug") == 65
    assert "Traceback" in capsys.readouterr().err


def test_warnings_are_shown_and_kept(
    tiny_bids: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = analysis.make_folds

    def warned(*args: object, **options: object) -> object:
        import warnings

        for _ in range(2):
            warnings.warn("voxels were dropped", DataWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return real(*args, **options)

    monkeypatch.setattr(analysis, "make_folds", warned)
    out = tmp_path / "out"
    assert run(tiny_bids, out) == 0
    assert error_lines(capsys) == ["drmbids: warning: sub-01: voxels were dropped"]
    record = (out / "sub-01/models/sub-01_task-look_desc-inputs_runs.json").read_text()
    assert "voxels were dropped" in record and '"old"' not in record
    assert "voxels were dropped" in (out / "sub-01.html").read_text()


def test_quiet_says_nothing(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_bids, tmp_path / "out", "--quiet") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_group_level_without_results(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tiny_bids), str(tmp_path / "out"), "group"]) == 65
    assert "run the participant level first" in error_lines(capsys)[0]
