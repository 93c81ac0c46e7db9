import json
import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiMasker

from drmbids.bids.files.find import find_runs
from drmbids.bids.reading.load import load_files, load_runs
from drmbids.bids.reading.regions import load_regions
from drmbids.bids.reading.stimuli import Stimuli
from drmbids.data.runs.run import VoxelSpace
from drmbids.data.runs.stream import Events
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError


def bold_of(root: Path, run: int = 1) -> Path:
    return root / "sub-01" / "func" / f"sub-01_task-x_run-{run}_bold.nii.gz"


def mask_of(root: Path) -> Path:
    return root / "derivatives/masks/sub-01/func/sub-01_task-x_desc-brain_mask.nii.gz"


def change(path: Path, edit) -> None:
    """Write an image again with its values edited in place."""
    image = nib.load(path)
    data = image.get_fdata(dtype=np.float32).copy()
    nib.save(nib.Nifti1Image(edit(data), image.affine, image.header), path)


def test_run_holds_what_the_files_say(tiny: Path) -> None:
    runs = load_runs(tiny)
    assert [run.label for run in runs] == [files.label for files in find_runs(tiny)]
    run = runs[0]
    data = nib.load(bold_of(tiny)).get_fdata()
    assert isinstance(run.space, VoxelSpace)
    voxels = run.space.voxels["brain"]
    stream = run.responses["brain"]
    for column, (i, j, k) in zip(stream.values.T, voxels, strict=True):
        np.testing.assert_array_equal(column, data[i, j, k])
    assert stream.columns[1] == "0_0_1"
    np.testing.assert_array_equal(stream.times, 2.0 * np.arange(40))
    assert (run.tr, run.duration) == (2.0, 80.0)
    assert dict(run.entities) == {"subject": "01", "task": "x", "run": "1"}
    assert len(run.sources) == 2
    # values go back to where they came from
    back = run.space.volume({"brain": stream.values})
    np.testing.assert_array_equal(back[:2], data[:2])
    assert np.isnan(back[2:]).all()


def test_conditions_are_those_of_all_runs(tiny: Path) -> None:
    runs = load_runs(tiny)
    for run, there in zip(runs, [{"face", "house"}, {"face", "cat"}], strict=True):
        events = run.stimuli["events"]
        assert isinstance(events, Events)
        assert events.columns == ("cat", "face", "house")
        assert set(events.conditions) == there


def test_without_events(tiny: Path) -> None:
    for path in tiny.glob("sub-01/func/*_events.tsv"):
        path.unlink()
    with pytest.raises(DataError, match=r"no sub-01_task-x_run-1_events.tsv, .* in .*sub-study"):
        load_runs(tiny)
    assert all(not run.stimuli for run in load_runs(tiny, stimuli=Stimuli(events=False)))


def test_headers_without_events(tiny: Path) -> None:
    for path in tiny.glob("sub-01/func/*_events.tsv"):
        path.write_text("onset\tduration\ttrial_type\n")
    with pytest.warns(DataWarning, match="no event"), pytest.raises(DataError, match="in any run"):
        load_runs(tiny)


@pytest.mark.parametrize("smoothing_fwhm", [None, 5.0])
def test_series_equal_those_of_nilearn(tiny: Path, smoothing_fwhm: float | None) -> None:
    runs = load_runs(tiny, smoothing_fwhm=smoothing_fwhm)
    masker = NiftiMasker(
        mask_of(tiny), smoothing_fwhm=smoothing_fwhm, standardize=None, dtype="float64"
    ).fit()
    for run, number in zip(runs, (1, 2), strict=True):
        theirs = masker.transform(bold_of(tiny, number))
        np.testing.assert_allclose(run.responses["brain"].values, theirs, rtol=1e-6)


def test_blocks_of_volumes_are_put_together(tiny: Path, monkeypatch) -> None:
    whole = load_runs(tiny)[0].responses["brain"].values
    monkeypatch.setattr("drmbids.bids.reading.images._BLOCK", 7 * 24)
    np.testing.assert_array_equal(load_runs(tiny)[0].responses["brain"].values, whole)


def test_scaled_integers(tiny: Path) -> None:
    path = bold_of(tiny)
    image = nib.load(path)
    image.header.set_data_dtype(np.int16)
    nib.save(nib.Nifti1Image(image.get_fdata() * 3 + 1, image.affine, image.header), path)
    expected = nib.load(path).get_fdata()[:2].reshape(12, 40).T
    np.testing.assert_allclose(load_runs(tiny)[0].responses["brain"].values, expected)


def test_regions_by_atlas(tiny: Path) -> None:
    values = np.zeros((4, 3, 2), np.int16)
    values[0], values[3] = 4, 9
    atlas = nib.Nifti1Image(values, nib.load(bold_of(tiny)).affine)
    runs = load_runs(tiny, atlas_or_mask=atlas, labels=["front", "back"])
    assert [s.values.shape for s in runs[0].responses.values()] == [(40, 6), (40, 6)]
    assert list(runs[0].responses) == ["front", "back"]
    data = nib.load(bold_of(tiny)).get_fdata()
    back = runs[0].responses["back"]
    np.testing.assert_array_equal(back.values, data[3].reshape(6, 40).T)
    assert back.columns[-1] == "3_2_1"


def test_runs_can_be_sent_to_workers(tiny: Path) -> None:
    run = pickle.loads(pickle.dumps(load_runs(tiny)[0]))
    assert run.label == "sub-01_task-x_run-1"


def test_load_run_alone(tiny: Path) -> None:
    files = find_runs(tiny, run=2)[0]
    regions = load_regions(mask_of(tiny))
    run = load_files(files, regions, stimuli=Stimuli(events=False))
    np.testing.assert_array_equal(
        run.responses["brain"].values, load_runs(tiny)[1].responses["brain"].values
    )
    other = VoxelSpace((4, 3, 3), regions.affine, regions.voxels)
    with pytest.raises(DataError, match="regions lie on another grid"):
        load_files(files, other)


def test_voxels_without_signal_are_left_out_of_all_runs(tiny: Path) -> None:
    def spoil(data: np.ndarray) -> np.ndarray:
        data[0, 0, 0] = 5
        data[0, 1, 0, 3] = np.nan
        data[3] = 0  # outside the mask: of no interest
        return data

    whole = load_runs(tiny)[0].responses["brain"]
    change(bold_of(tiny, 2), spoil)
    with pytest.raises(DataError, match=r"some volumes \(1 of them\): brain: 1 of 12; repair or"):
        load_runs(tiny)
    for smoothing_fwhm in (None, 4.0):
        with pytest.warns(DataWarning, match="left out of all runs: brain: 2 of 12"):
            runs = load_runs(tiny, smoothing_fwhm=smoothing_fwhm, allow_gaps=True)
        for run in runs:
            assert run.responses["brain"].columns[:2] == ("0_0_1", "0_1_1")
            assert run.space is not None and len(run.space.voxels["brain"]) == 10
            assert np.isfinite(run.responses["brain"].values).all()
    with pytest.warns(DataWarning):
        kept = load_runs(tiny, allow_gaps=True)[0].responses["brain"]
    picked = [whole.columns.index(c) for c in kept.columns]
    np.testing.assert_array_equal(kept.values, whole.values[:, picked])


@pytest.mark.parametrize("value", [0, np.nan])
def test_region_without_signal(tiny: Path, value: float) -> None:
    def spoil(data: np.ndarray) -> np.ndarray:
        data[1] = value
        return data

    change(bold_of(tiny, 2), spoil)
    masks = {}
    for i in (0, 1):
        inside = np.zeros((4, 3, 2), np.uint8)
        inside[i] = 1
        masks[f"r{i}"] = nib.Nifti1Image(inside, nib.load(bold_of(tiny)).affine)
    with pytest.raises(
        DataError, match=r"region r1; outside the field of view|no finite value in volumes"
    ):
        load_runs(tiny, atlas_or_mask=masks)


def test_lost_volume(tiny: Path) -> None:
    def spoil(data: np.ndarray) -> np.ndarray:
        data[..., 7] = np.nan
        return data

    change(bold_of(tiny), spoil)
    with pytest.raises(DataError, match=r"run-1_bold.nii.gz: no finite value in volumes \[7\]"):
        load_runs(tiny)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, r"no RepetitionTime in its JSON sidecars; .*--tr"),
        ({"RepetitionTime": "2.0"}, "'2.0' is not a number"),
        ({"RepetitionTime": True}, "True is not a number"),
        ({"RepetitionTime": None}, "no RepetitionTime"),
        ({"RepetitionTime": 2000}, r"2000 s is not within 0.05 to 30 s \(milliseconds"),
        ({"RepetitionTime": 0}, "0 s is not within"),
        ({"RepetitionTime": 2.002}, "2.002 s in the sidecar, 2 s in the image header"),
        ({"RepetitionTime": 1.5}, "1.5 s in the sidecar, 2 s in the image header; .*--tr"),
    ],
)
def test_repetition_times_that_cannot_be(tiny: Path, metadata: dict, message: str) -> None:
    (tiny / "task-x_bold.json").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match=f"(run-1_bold.nii.gz|task-x_bold.json): .*{message}"):
        load_runs(tiny)
    assert load_runs(tiny, tr=2.0)[0].duration == 80.0
    with pytest.raises(DataError, match=r"run-1_bold.nii.gz: --tr .* is 3 s, .*, 2 s in the image"):
        load_runs(tiny, tr=3.0)


@pytest.mark.parametrize("stated", [{"RepetitionTime": 1.5}, {"RepetitionTime": 1500}])
def test_a_repetition_time_that_contradicts_the_files_is_refused(tiny: Path, stated: dict) -> None:
    (tiny / "task-x_bold.json").write_text(json.dumps(stated))
    for path in (tiny / "sub-01" / "func").glob("*_bold.nii.gz"):
        image = nib.load(path)
        image.header.set_zooms((3, 3, 3, 1.5))
        nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    told = "is 3 s, RepetitionTime 1.5 s in the sidecar, 1.5 s in the image header"
    with pytest.raises(DataError, match=told):
        load_runs(tiny, tr=3.0)
    assert load_runs(tiny, tr=1.5)[0].tr == 1.5


def test_repetition_time_of_headers(tiny: Path) -> None:
    path = bold_of(tiny)
    image = nib.load(path)
    image.header.set_zooms((3, 3, 3, 2000))
    image.header.set_xyzt_units("mm", "msec")
    nib.save(image, path.with_name("x.nii.gz"))
    path.with_name("x.nii.gz").replace(path)
    assert load_runs(tiny)[0].tr == 2.0
    image.header.set_zooms((3, 3, 3, 1))
    image.header.set_xyzt_units("mm", "unknown")
    nib.save(image, path.with_name("x.nii.gz"))
    path.with_name("x.nii.gz").replace(path)
    assert load_runs(tiny)[0].tr == 2.0


def test_runs_that_do_not_go_together(tiny: Path) -> None:
    path = bold_of(tiny, 2)
    image = nib.load(path)
    data = np.asanyarray(image.dataobj)
    shifted = image.affine.copy()
    shifted[2, 3] = 1
    nib.save(nib.Nifti1Image(data, shifted, image.header), path)
    with pytest.raises(DataError, match=r"run-2_bold.nii.gz and .*run-1.*different affines"):
        load_runs(tiny)
    nib.save(nib.Nifti1Image(data[:3], image.affine, image.header), path)
    with pytest.raises(DataError, match=r"different shapes, \(3, 3, 2\) and \(4, 3, 2\)"):
        load_runs(tiny)
    image.header.set_zooms((3, 3, 3, 2.5))
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
    path.with_name("sub-01_task-x_run-2_bold.json").write_text('{"RepetitionTime": 2.5}')
    with pytest.raises(DataError, match=r"different repetition times: .*run-1 2 s, .*run-2 2.5 s"):
        load_runs(tiny)


def test_no_mask_and_wrong_smoothing(tiny: Path) -> None:
    mask_of(tiny).unlink()
    with pytest.raises(DataError, match=r"not exactly one brain mask .* give the regions as atlas"):
        load_runs(tiny)
    with pytest.raises(UsageError, match="smoothing_fwhm must be a finite number above 0, got -1"):
        load_runs(tiny, smoothing_fwhm=-1)


def test_masks_of_fmriprep_runs_are_intersected(tiny: Path, fmriprep: Path) -> None:
    with pytest.warns(DataWarning, match="23 of 24 voxels lie in all"):
        runs = load_runs(tiny, derivatives=fmriprep, space="T1w")
    assert [run.responses["brain"].values.shape for run in runs] == [(40, 23)] * 2


@pytest.mark.real_data
def test_haxby(haxby: Path) -> None:
    runs = load_runs(haxby, acquisition="1slice")
    assert [run.entities["run"] for run in runs] == [f"{n:02d}" for n in range(1, 13)]
    masks = haxby / "derivatives" / "pymvpa" / "sub-01" / "func"
    masker = NiftiMasker(
        masks / "sub-01_task-objectviewing_acq-1slice_desc-brain_mask.nii.gz",
        standardize=None,
        dtype="float64",
    ).fit()
    for run in runs:
        series = run.responses["brain"].values
        assert (series.shape, run.tr, run.duration) == ((121, 530), 2.5, 302.5)
        assert len(run.stimuli["events"].columns) == 8
        np.testing.assert_array_equal(series, masker.transform(run.sources[0]))
