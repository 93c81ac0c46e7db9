import gzip
import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from bids.layout import Query

from drmbids.bids.files.find import find_runs
from drmbids.data.tools.exceptions import DataError, UsageError


def test_finds_runs_with_everything_that_belongs_to_them(tiny: Path) -> None:
    runs = find_runs(tiny)
    assert [run.label for run in runs] == ["sub-01_task-x_run-1", "sub-01_task-x_run-2"]
    first = runs[0]
    assert first.entities == {"subject": "01", "task": "x", "run": "1"}
    assert first.events == first.bold.with_name("sub-01_task-x_run-1_events.tsv")
    assert first.mask is not None and first.mask.name == "sub-01_task-x_desc-brain_mask.nii.gz"
    assert first.confounds is None
    assert first.metadata == {"RepetitionTime": 2.0, "TaskName": "x"}


@pytest.mark.parametrize("run", ["1", 1, "01", "run-1", ["1"], "run-001"])
@pytest.mark.parametrize("subject", ["01", "sub-01", ["sub-01"]])
def test_labels_with_and_without_key_and_zeros(tiny: Path, run: object, subject: object) -> None:
    assert [r.entities["run"] for r in find_runs(tiny, run=run, subject=subject)] == ["1"]


def test_none_asks_for_nothing(tiny: Path) -> None:
    assert len(find_runs(tiny, session=None, space=None)) == 2


def test_natural_order_and_both_extensions(tiny: Path, add_run) -> None:
    for run in ("10", "11", "3"):
        add_run(tiny, f"sub-01_task-x_run-{run}")
    packed = tiny / "sub-01/func/sub-01_task-x_run-3_bold.nii.gz"
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    runs = find_runs(tiny)
    assert [r.entities["run"] for r in runs] == ["1", "2", "3", "10", "11"]
    assert runs[2].bold.suffix == ".nii"


def test_inheritance_of_events_and_metadata(tiny: Path) -> None:
    func = tiny / "sub-01" / "func"
    (func / "sub-01_task-x_run-1_events.tsv").unlink()
    (tiny / "task-x_events.tsv").write_text("onset\tduration\n")
    (tiny / "task-other_events.tsv").write_text("onset\tduration\n")
    (func / "sub-01_task-x_run-1_bold.json").write_text('\ufeff{"RepetitionTime": 3.0}')
    (func / "sub-01_task-x_run-2_sbref.json").write_text('{"RepetitionTime": 9.0}')
    one, two = find_runs(tiny)
    assert one.events == tiny / "task-x_events.tsv"
    assert two.events == func / "sub-01_task-x_run-2_events.tsv"
    assert (one.metadata["RepetitionTime"], two.metadata["RepetitionTime"]) == (3.0, 2.0)
    assert one.metadata["TaskName"] == "x"


def test_two_equally_specific_events_files_are_refused(tiny: Path) -> None:
    func = tiny / "sub-01" / "func"
    (func / "sub-01_task-x_run-1_events.tsv").rename(func / "sub-01_run-1_events.tsv")
    shutil.copy(func / "sub-01_run-1_events.tsv", func / "sub-01_task-x_events.tsv")
    with pytest.raises(DataError, match=r"two events files apply equally: .*_events.tsv and"):
        find_runs(tiny, run="1")


def test_two_acquisitions_have_to_be_chosen(tiny: Path, add_run) -> None:
    add_run(tiny, "sub-01_task-x_acq-fast_run-1")
    add_run(tiny, "sub-01_task-x_acq-slow_run-1")
    with pytest.raises(DataError, match=r"acquisition: \(none\), fast, slow\); choose"):
        find_runs(tiny)
    assert len(find_runs(tiny, acquisition="acq-fast")) == 1
    assert len(find_runs(tiny, acquisition=["fast", "slow"])) == 2
    assert len(find_runs(tiny, acquisition="Query.NONE")) == 2
    assert len(find_runs(tiny, filters={"bold": {"acquisition": None}})) == 2
    assert len(find_runs(tiny, filters={"bold": {"acquisition": "*"}})) == 2
    assert len(find_runs(tiny, acquisition=Query.NONE)) == 2
    assert len(find_runs(tiny, acquisition=Query.ANY)) == 2


def test_two_tasks_have_to_be_chosen(tiny: Path, add_run) -> None:
    add_run(tiny, "sub-01_task-rest")
    with pytest.raises(DataError, match="task: rest, x"):
        find_runs(tiny)
    assert len(find_runs(tiny, task=["rest", "x"])) == 3


def test_run_1_and_run_01_are_the_same_run(tiny: Path, add_run) -> None:
    add_run(tiny, "sub-01_task-x_run-01")
    with pytest.raises(DataError, match=r"same run twice: .*run-01_bold.*run-1_bold"):
        find_runs(tiny)


def test_filter_file(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"bold": {"run": 2, "session": "Query.NONE"}, "t1w": {"run": 1}}))
    assert [r.entities["run"] for r in find_runs(tiny, filters=path)] == ["2"]
    with pytest.raises(UsageError, match="run is '1' in the call and 2 in the filters"):
        find_runs(tiny, filters=path, run="1")
    with pytest.raises(UsageError, match="needs the form"):
        find_runs(tiny, filters={"run": 2})
    with pytest.raises(UsageError, match="unknown entity 'acq'; choose among: subject"):
        find_runs(tiny, filters={"bold": {"acq": "x"}})
    path.write_text('{"bold": {\n"run": 2,}}')
    with pytest.raises(DataError, match=r"filter.json: line 2: not JSON"):
        find_runs(tiny, filters=path)


def test_nothing_found_says_what_there_is(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"task=rest; choose among subject: 01; task: x; run: 1, 2"):
        find_runs(tiny, task="rest")
    with pytest.raises(DataError, match=r"no participant 09; there are: 01"):
        find_runs(tiny, subject="sub-09")


def test_folders_that_are_no_datasets(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        find_runs(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no dataset_description\.json"):
        find_runs(tiny / "sub-01")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "dataset_description.json").write_text("{}")
    with pytest.raises(DataError, match="0 participants, there is no folder"):
        find_runs(empty)
    (empty / "sub-01").mkdir()
    with pytest.raises(DataError, match="no BOLD image"):
        find_runs(empty)
    (empty / "dataset_description.json").write_text('{"Name": NaN}')
    with pytest.raises(DataError, match="NaN is not a JSON number"):
        find_runs(empty)


@pytest.mark.parametrize("how", ["path", "list", "mapping", "itself"])
def test_derivatives(tiny: Path, fmriprep: Path, how: str) -> None:
    forms = {"path": fmriprep, "list": [str(fmriprep)], "mapping": {"fmriprep": fmriprep}}
    folder, derivatives = (fmriprep, None) if how == "itself" else (tiny, forms[how])
    with pytest.raises(DataError, match="space: MNI152NLin2009cAsym, T1w"):
        find_runs(folder, derivatives=derivatives)
    run = find_runs(folder, derivatives=derivatives, space="T1w", run="1")[0]
    assert run.label == "sub-01_task-x_run-01_space-T1w_desc-preproc"
    assert run.events is not None
    assert run.events.samefile(tiny / "sub-01/func/sub-01_task-x_run-1_events.tsv")
    assert run.mask is not None and run.confounds is not None
    assert run.mask.name == "sub-01_task-x_run-01_space-T1w_desc-brain_mask.nii.gz"
    assert run.confounds.name == "sub-01_task-x_run-01_desc-confounds_timeseries.tsv"


def test_one_dataset_that_is_given_twice_is_one(tiny: Path, fmriprep: Path) -> None:
    link = tiny.parent / "link"
    link.symlink_to(fmriprep)
    runs = find_runs(tiny, derivatives={"a": fmriprep, "b": link}, space="T1w")
    assert [run.entities["run"] for run in runs] == ["01", "02"]


def test_preproc_is_preferred_and_another_desc_can_be_asked_for(fmriprep: Path) -> None:
    for old in fmriprep.glob("sub-01/func/*T1w_desc-preproc_bold.nii.gz"):
        shutil.copy(old, old.with_name(old.name.replace("preproc", "denoised")))
    assert {r.entities["desc"] for r in find_runs(fmriprep, space="T1w")} == {"preproc"}
    assert len(find_runs(fmriprep, space="T1w", desc="denoised")) == 2
    with pytest.raises(DataError, match="same run twice"):
        find_runs(fmriprep, space="T1w", desc=["denoised", "preproc"])


def test_raw_dataset_by_its_link(tiny: Path, fmriprep: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(fmriprep, moved)
    assert find_runs(moved, space="T1w")[0].events is None
    description = json.loads((moved / "dataset_description.json").read_text())
    description["DatasetLinks"] = {"templateflow": "https://x.org", "raw": str(tiny)}
    (moved / "dataset_description.json").write_text(json.dumps(description))
    assert find_runs(moved, space="T1w")[0].events is not None
    spaced = tmp_path / "two words"
    tiny.rename(spaced)
    description["DatasetLinks"] = {"raw": spaced.as_uri()}
    (moved / "dataset_description.json").write_text(json.dumps(description))
    assert "two%20words" in spaced.as_uri()
    assert find_runs(moved, space="T1w")[0].events is not None


@pytest.mark.parametrize("links", [["x"], "x", {"raw": 3}, None])
def test_links_of_the_wrong_form_lead_nowhere(fmriprep: Path, tmp_path: Path, links) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(fmriprep, moved)
    description = json.loads((moved / "dataset_description.json").read_text())
    description |= {"DatasetLinks": links, "SourceDatasets": links}
    (moved / "dataset_description.json").write_text(json.dumps(description))
    assert find_runs(moved, space="T1w")[0].events is None


def test_names_before_fmriprep_1_2(tiny: Path, add_run) -> None:
    func = tiny / "sub-01" / "func"
    new = add_run(tiny, "sub-01_task-x_run-3", events="")
    stem = func / "sub-01_task-x_run-3_bold"
    new.rename(f"{stem}_space-T1w_preproc.nii.gz")
    shutil.copy(f"{stem}_space-T1w_preproc.nii.gz", f"{stem}_space-T1w_brainmask.nii.gz")
    Path(f"{stem}_confounds.tsv").write_text("X\n")
    run = find_runs(tiny, run=3)[0]
    assert run.label == "sub-01_task-x_run-3_space-T1w_desc-preproc"
    assert run.confounds == Path(f"{stem}_confounds.tsv")
    assert run.mask == Path(f"{stem}_space-T1w_brainmask.nii.gz")


@pytest.mark.parametrize(
    ("entity", "key", "option"),
    [
        ("session", "ses", "--session-label b"),
        ("echo", "echo", "--echo 2"),
        ("reconstruction", "rec", "--rec b"),
        ("direction", "dir", "--dir b"),
        ("res", "res", "--res b"),
    ],
)
def test_nothing_is_mixed_in_silence(
    tmp_path: Path, add_run, entity: str, key: str, option: str
) -> None:
    (tmp_path / "dataset_description.json").write_text("{}")
    labels = ("1", "2") if entity == "echo" else ("a", "b")
    for label in labels:
        add_run(tmp_path, f"sub-01_{key}-{label}_task-x")
    with pytest.raises(DataError, match=f"{entity}: {', '.join(labels)}.*{option}"):
        find_runs(tmp_path)
    assert len(find_runs(tmp_path, **{entity: f"{key}-{labels[1]}"})) == 1
    if key == "ses":
        assert len(find_runs(tmp_path, session="*")) == 2
    else:
        with (
            pytest.raises(DataError, match="same run twice")
            if key in ("echo", "res")
            else (nullcontext())
        ):
            assert len(find_runs(tmp_path, **{entity: "*"})) == 2


def test_one_session_each_is_no_question(tmp_path: Path, add_run) -> None:
    (tmp_path / "dataset_description.json").write_text("{}")
    for subject, session in (("01", "a"), ("02", "b")):
        add_run(tmp_path, f"sub-{subject}_ses-{session}_task-x")
    assert len(find_runs(tmp_path)) == 2


@pytest.mark.real_data
def test_synthetic_dataset(shared_data: Path) -> None:
    root = shared_data / "synthetic_bids"
    with pytest.raises(DataError, match=r"session: 01, 02.*or all of them: session='\*'"):
        find_runs(root, task="nback")
    assert len(find_runs(root, task="nback", session="*")) == 20
    chosen = {"task": "nback", "space": "T1w", "subject": "03", "session": "*"}
    runs = find_runs(root, derivatives=root / "derivatives" / "fmriprep", **chosen)
    assert [(r.entities["session"], r.entities["run"]) for r in runs] == [
        ("01", "01"), ("01", "02"), ("02", "01"), ("02", "02"),
    ]  # fmt: skip
    assert {r.events for r in runs} == {root / "task-nback_events.tsv"}
    assert all(r.metadata["RepetitionTime"] == 2.5 and r.mask and r.confounds for r in runs)


@pytest.mark.real_data
def test_haxby_needs_a_choice_of_acquisition(haxby: Path) -> None:
    with pytest.raises(DataError, match="acquisition: 1slice, 25mm"):
        find_runs(haxby)
    assert len(find_runs(haxby, acquisition="25mm")) == 12
