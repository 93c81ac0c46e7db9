"""Events, confounds and recordings are those of exactly this run, or inherited as BIDS says."""

import gzip
import shutil
from pathlib import Path

import pytest

from drmbids.bids.files.find import RunFiles, find_runs
from drmbids.data.tools.exceptions import DataError

EVENTS = "onset\tduration\ttrial_type\n4\t2\tface\n"


@pytest.fixture
def two(tiny: Path, add_run) -> Path:
    """Return a dataset with a run that has no entity ``run``, and run 2; nothing beside them."""
    func = tiny / "sub-01" / "func"
    for file in func.glob("*run-1*"):
        file.rename(file.with_name(file.name.replace("_run-1", "")))
    for file in func.glob("*.tsv"):
        file.unlink()
    return tiny


def files_of(root: Path) -> list[RunFiles]:
    """Return the run without the entity, and run 2."""
    return find_runs(root, subject="01")


def write(root: Path, name: str, text: str = EVENTS) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_what_is_named_like_another_run_is_that_runs_alone(two: Path) -> None:
    stem = "sub-01/func/sub-01_task-x"
    events = write(two, f"{stem}_events.tsv")
    confounds = write(two, f"{stem}_desc-confounds_timeseries.tsv", "trans_x\n1\n")
    physio = write(two, f"{stem}_physio.tsv.gz", "1\n")
    stim = write(two, f"{stem}_stim.tsv.gz", "1\n")
    first, second = files_of(two)
    assert (first.events, first.confounds) == (events, confounds)
    assert (first.recordings, first.series) == ((physio,), (stim,))
    assert (second.events, second.confounds) == (None, None)
    assert (second.recordings, second.series) == ((), ())
    only = find_runs(two, run=2)[0]  # as well where the other run is not asked for
    assert (only.events, only.confounds) == (None, None)


def test_events_and_stimuli_are_inherited_and_motion_and_heart_are_not(tiny: Path) -> None:
    for file in (tiny / "sub-01/func").glob("*_events.tsv"):
        file.unlink()
    stem = "sub-01/func/sub-01_task-x"  # of no run: both are called run-1 and run-2
    events = write(tiny, f"{stem}_events.tsv")
    stim = write(tiny, "task-x_stim.tsv.gz", "1\n")
    write(tiny, f"{stem}_desc-confounds_timeseries.tsv", "trans_x\n1\n")
    write(tiny, f"{stem}_physio.tsv.gz", "1\n")
    for files in find_runs(tiny):
        assert (files.events, files.series) == (events, (stim,))
        assert (files.confounds, files.recordings) == (None, ())


def test_the_lowest_table_wins_over_those_above(tiny: Path) -> None:
    root = write(tiny, "task-x_events.tsv")
    (tiny / "sub-01/func/sub-01_task-x_run-1_events.tsv").unlink()
    assert find_runs(tiny, run=1)[0].events == root
    participant = write(tiny, "sub-01/sub-01_task-x_events.tsv")
    assert find_runs(tiny, run=1)[0].events == participant


def test_a_file_in_the_folder_of_another_session_does_not_apply(tmp_path: Path, add_run) -> None:
    (tmp_path / "dataset_description.json").write_text("{}")
    for session in ("1", "2"):
        add_run(tmp_path, f"sub-01_ses-{session}_task-x", events="")
    misnamed = write(tmp_path, "sub-01/ses-1/func/sub-01_task-x_events.tsv")
    first, second = find_runs(tmp_path, session="*")
    assert (first.events, second.events) == (misnamed, None)


def test_recordings_one_for_each_label(tiny: Path) -> None:
    func = "sub-01/func/"
    for name in (
        "sub-01_task-x_run-1_physio",
        "sub-01_task-x_run-02_recording-pulse_physio",
        "sub-01_task-x_run-2_recording-belt_physio",
        "sub-01_task-y_run-2_physio",
        "sub-01_ses-1_task-x_run-2_physio",
    ):
        write(tiny, f"{func}{name}.tsv.gz", "1\n")
    assert [path.name for path in find_runs(tiny, run=2)[0].recordings] == [
        "sub-01_task-x_run-02_recording-pulse_physio.tsv.gz",
        "sub-01_task-x_run-2_recording-belt_physio.tsv.gz",
    ]


def test_derived_images_lead_to_the_files_of_their_raw_run(two: Path, fmriprep: Path) -> None:
    folder = fmriprep / "sub-01/func"
    for file in folder.glob("*run-01*"):
        file.rename(file.with_name(file.name.replace("_run-01", "")))
    (folder / "sub-01_task-x_run-02_desc-confounds_timeseries.tsv").unlink()
    events = write(two, "sub-01/func/sub-01_task-x_events.tsv")
    chosen = {"derivatives": fmriprep, "space": "T1w"}
    second, first = find_runs(two, **chosen)
    assert "run" not in first.entities
    assert first.events == events and second.events is None
    assert first.confounds is not None and second.confounds is None


def test_sidecars_that_contradict_each_other_are_refused(tiny: Path) -> None:
    for file in (tiny / "sub-01/func").glob("*run-2*"):
        file.unlink()
    func = tiny / "sub-01/func"
    (func / "sub-01_task-x_bold.json").write_text('{"RepetitionTime": 2.0}')
    (func / "sub-01_run-1_bold.json").write_text('{"EchoTime": 0.03}')
    assert find_runs(tiny)[0].metadata["EchoTime"] == 0.03
    (func / "sub-01_run-1_bold.json").write_text('{"RepetitionTime": 2.5}')
    with pytest.raises(DataError, match=r"RepetitionTime is 2.*, but 2.* equally; keep one"):
        find_runs(tiny)


def test_cohorts_of_a_template_are_not_mixed(tiny: Path) -> None:
    func = tiny / "sub-01/func"
    for cohort in ("1", "2"):
        name = f"sub-01_task-x_run-{cohort}_space-MNIInfant_cohort-{cohort}_desc-preproc_bold"
        shutil.copy(func / "sub-01_task-x_run-1_bold.nii.gz", func / f"{name}.nii.gz")
    with pytest.raises(DataError, match="cohort: 1, 2"):
        find_runs(tiny)
    assert [f.entities["cohort"] for f in find_runs(tiny, cohort="1")] == ["1"]
