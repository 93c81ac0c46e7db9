"""When volumes were measured: a GLM knows it best, and nilearn's is the truth."""

import json
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel, make_first_level_design_matrix
from nilearn.maskers import NiftiMasker

from drmbids import ARBaseline, GLMBaseline
from drmbids.bids.files.find import find_runs
from drmbids.bids.reading.cifti import write_cifti
from drmbids.bids.reading.formats import open_bold, write_values
from drmbids.bids.reading.load import load_runs
from drmbids.bids.reading.timing import VolumeTimes, times_metadata, volume_times
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError

N, TR = 40, 2.0
SIDECAR = "task-x_bold.json"
SPARSE = [10.0 * k + (2.0 if k % 3 == 2 else 0.0) for k in range(N)]


def state(root: Path, **metadata: object) -> None:
    """Write the sidecar of all runs."""
    (root / SIDECAR).write_text(json.dumps({"TaskName": "x", **metadata}))


def timing(root: Path, tr: float | None = None) -> VolumeTimes:
    """Return the times of the volumes of the first run."""
    files = find_runs(root)[0]
    return volume_times(files, open_bold(files), tr)


def fill(root: Path, times: np.ndarray, events: pd.DataFrame) -> None:
    """Fill the images with nilearn's regressor of the events at these times, and noise."""
    fine = np.arange(0.0, times[-1] + 1.0, 0.5)  # nilearn stretches the HRF at irregular times
    table = make_first_level_design_matrix(fine, events, "glover", drift_model=None)
    response = np.interp(times, fine, table["face"])
    func = root / "sub-01" / "func"
    for k, path in enumerate(sorted(func.glob("*_bold.nii.gz"))):
        image = nib.load(path)
        noise = np.random.default_rng(k).normal(0, 0.03, image.shape)
        new = nib.Nifti1Image((100 + response + noise).astype(np.float32), image.affine)
        new.header.set_xyzt_units("mm", "unknown")
        nib.save(new, path)
        events.to_csv(Path(str(path).replace("_bold.nii.gz", "_events.tsv")), sep="\t", index=False)


def blocks(end: float, every: float) -> pd.DataFrame:
    """Return a block of 4 s of one condition now and then."""
    onsets = np.arange(3.0, end - 12, every)
    return pd.DataFrame({"onset": onsets, "duration": 4.0, "trial_type": "face"})


def held_out_r2(runs: list[Run]) -> float:
    """Return the median R2 of a GLM in the second run, fitted to the first."""
    return float(np.median(GLMBaseline().fit(runs[:1]).score(runs[1:])))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_slices_corrected_in_time_as_nilearn_has_them(tiny: Path, share: float) -> None:
    events, start = blocks(N * TR, 11.3), share * TR
    fill(tiny, np.arange(N) * TR + start, events)
    state(tiny, RepetitionTime=TR, StartTime=start, SliceTimingCorrected=True)
    runs = load_runs(tiny)
    np.testing.assert_allclose(runs[0].measured_times(), np.arange(N) * TR + start)
    assert runs[0].duration == N * TR  # the run ends with the acquisition of its last volume
    # nilearn explains as much with slice_time_ref, of the run that it is fitted to
    image = nib.load(tiny / "sub-01" / "func" / "sub-01_task-x_run-2_bold.nii.gz")
    mask = NiftiMasker(nib.Nifti1Image(np.ones(image.shape[:3], np.uint8), image.affine)).fit()
    glm = FirstLevelModel(TR, share, "glover", "polynomial", drift_order=2, mask_img=mask)
    design = glm.fit(image, events).design_matrices_[0].to_numpy()
    series = image.get_fdata().reshape(-1, N).T
    (_, left, *_), (_, whole, *_) = (
        np.linalg.lstsq(x, series, rcond=None) for x in (design, design[:, 1:])
    )
    truth = np.median(1 - left / whole)
    assert held_out_r2(runs) > truth - 0.02 > 0.9
    state(tiny, RepetitionTime=TR, StartTime=TR - start)
    assert share == 0.5 or held_out_r2(load_runs(tiny)) < 0.7


@pytest.mark.filterwarnings(r"ignore:.*\[RG08\]:drmbids.bids.files.problems.ProblemWarning")
def test_derived_images_have_times_of_their_own(fmriprep: Path, tiny: Path) -> None:
    for path in (fmriprep / "sub-01" / "func").glob("*T1w_desc-preproc_bold.json"):
        stated = {"RepetitionTime": TR, "StartTime": 0.9, "SliceTimingCorrected": True}
        path.write_text(json.dumps(stated))
    first, _ = load_runs(tiny, derivatives=fmriprep, space="T1w", confounds=["trans_x"])
    raw = load_runs(tiny)[0]
    assert first.confounds is not None
    np.testing.assert_allclose(first.measured_times() - 0.9, raw.measured_times(), atol=1e-12)
    np.testing.assert_array_equal(first.confounds.times, first.measured_times())
    # onsets count from the start of the first volume's acquisition
    np.testing.assert_array_equal(first.stimuli["events"].onsets, raw.stimuli["events"].onsets)
    assert first.timing == (
        f"first volume at 0.90 s: StartTime of {first.sources[0].replace('.nii.gz', '.json')}"
    )


def test_sparse_volumes_are_where_they_were_acquired(tiny: Path) -> None:
    times = np.array(SPARSE)
    fill(tiny, times, blocks(times[-1], 17.3))
    state(tiny, VolumeTiming=SPARSE, AcquisitionDuration=2.0)
    runs = load_runs(tiny)
    np.testing.assert_array_equal(runs[0].measured_times(), times)
    assert runs[0].tr is None and runs[0].duration == times[-1] + 2.0
    right = held_out_r2(runs)
    state(tiny, RepetitionTime=10.0)
    assert right > 0.9 > held_out_r2(load_runs(tiny)) + 0.05
    with pytest.raises(DataError, match=r"run-1: volumes at .* s, but the TR is 8 s"):
        ARBaseline().fit(runs)
    with pytest.raises(DataError, match="8 to 12 s apart, but FIR"):
        GLMBaseline("fir", fir_delays=[0, 1]).fit(runs)
    # what a model predicts does not need what was measured
    fitted = GLMBaseline().fit(runs)
    np.testing.assert_array_equal(
        fitted.predict([runs[0].without_responses()])[0], fitted.predict(runs[:1])[0]
    )


@pytest.mark.parametrize(
    ("metadata", "found", "reference", "middle"),
    [
        ({}, (0.0, 2.0), None, 1.0),
        ({"StartTime": 0.9}, (0.9, 2.9), 0.9, 0.9),
        ({"StartTime": None}, (0.0, 2.0), None, 1.0),
        ({"StartTime": 0}, (0.0, 2.0), 0.0, 0.0),
        ({"DelayTime": 1.5}, (0.0, 2.0), None, 0.25),
        ({"SliceTiming": [0.0, 0.4]}, (0.0, 2.0), None, 0.4),
        ({"NumberOfVolumesDiscardedByScanner": 4}, (0.0, 2.0), None, 1.0),
        ({"NumberOfVolumesDiscardedByUser": 4, "DelayAfterTrigger": 3}, (0.0, 2.0), None, 1.0),
        ({"AcquisitionDuration": 80}, (0.0, 2.0), None, 1.0),
    ],
    ids=str,
)
def test_what_metadata_say(tiny: Path, metadata, found, reference, middle) -> None:
    state(tiny, RepetitionTime=TR, **metadata)
    times = timing(tiny)
    assert tuple(times.times[:2]) == pytest.approx(found)
    assert times.reference == reference
    assert times.middles[0] == pytest.approx(middle)
    assert times.duration == N * TR and times.tr == TR


@pytest.mark.parametrize(
    ("metadata", "duration", "tr"),
    [
        ({"VolumeTiming": SPARSE, "FrameAcquisitionDuration": 3.0}, SPARSE[-1] + 3, None),
        ({"VolumeTiming": SPARSE, "SliceTiming": [0.0, 0.7]}, SPARSE[-1] + 1.4, None),
        ({"VolumeTiming": SPARSE, "AcquisitionDuration": 420}, SPARSE[-1] + 8, None),  # all of it
        ({"VolumeTiming": [2.0 * k for k in range(N)]}, 80.0, 2.0),
        ({"VolumeTiming": [2.0 * k for k in range(N)], "RepetitionTime": 2}, 80.0, 2.0),
    ],
)
def test_volume_timing(tiny: Path, metadata: dict, duration: float, tr: float | None) -> None:
    state(tiny, **metadata)
    found = timing(tiny)
    assert (found.duration, found.tr) == (duration, tr)
    assert found.source == f"VolumeTiming of {tiny / SIDECAR}"


FAULTS = {
    "a list": ({"StartTime": [1.0]}, r"StartTime \[1.0\] is not a number"),
    "text": ({"StartTime": "1.0"}, "StartTime '1.0' is not a number"),
    "yes": ({"StartTime": True}, "StartTime True is not a number"),
    "negative": ({"StartTime": -1.0}, "StartTime -1 s is not within 0 to 2 s"),
    "beyond": ({"StartTime": 2.5}, "StartTime 2.5 s is not within 0 to 2 s"),
    "milliseconds": ({"StartTime": 1000}, r"1000 s is not within .*milliseconds\?"),
    "slices": ({"SliceTiming": [0, 1000]}, r"slice 1 is 1000 s, .* TR of 2 s \(millis"),
    "slices as text": ({"SliceTiming": ["0", "1"]}, "SliceTiming: '0' at place 0 .* not a number"),
    "one slice": ({"SliceTiming": 0.5}, "SliceTiming 0.5 is not a list of numbers"),
    "before the volume": ({"SliceTiming": [0, -0.5]}, "slice 1 is -0.5 s, which is negative"),
    "delay": ({"DelayTime": 1500}, "DelayTime 1500 s is not within 0 to 2 s"),
    "fewer times": ({"VolumeTiming": SPARSE[1:]}, "has 39 times, .*run-1_bold.nii.gz has 40 vol"),
    "decreasing": ({"VolumeTiming": [0.0, 9.0, 8.0, *SPARSE[3:]]}, "8 s after 9 s for volume 2"),
    "repeated": ({"VolumeTiming": [0.0, 0.0, *SPARSE[2:]]}, "0 s after 0 s for volume 1"),
    "below 0": ({"VolumeTiming": [-1.0, *SPARSE[1:]]}, "-1 s for volume 0"),
    "volumes in ms": ({"VolumeTiming": [1000 * t for t in SPARSE]}, r"10000 s apart .*millisec"),
    "a number": ({"VolumeTiming": 10.0}, "VolumeTiming 10.0 is not a list"),
    "two": ({"VolumeTiming": SPARSE, "RepetitionTime": 10.0}, "8 to 12 s apart, Repet.* is 10 s"),
    "overlap": ({"VolumeTiming": SPARSE, "AcquisitionDuration": 9}, "9 s is not within 0 to 8 s"),
}


@pytest.mark.parametrize(("metadata", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_one_line_that_names_the_sidecar(tiny: Path, metadata, message: str) -> None:
    alone = {} if "VolumeTiming" in metadata else {"RepetitionTime": TR}
    state(tiny, **alone, **metadata)
    with pytest.raises(DataError, match=message) as caught:
        timing(tiny)
    assert str(caught.value).startswith(str(tiny / SIDECAR)) and "\n" not in str(caught.value)


def test_a_repetition_time_does_not_replace_volume_timing(tiny: Path) -> None:
    state(tiny, VolumeTiming=SPARSE, AcquisitionDuration=2.0)
    with pytest.raises(DataError, match="--tr 10 s, but VolumeTiming has volumes 8 to 12 s apart"):
        timing(tiny, tr=10.0)
    state(tiny, VolumeTiming=[2.0 * k for k in range(N)])
    assert timing(tiny, tr=2.0).tr == 2.0
    with pytest.raises(
        DataError, match="is 3 s, VolumeTiming 2 s in the sidecar, 2 s in the image"
    ):
        timing(tiny, tr=3.0)


def test_doubtful_times_are_warned_of(tiny: Path) -> None:
    state(tiny, RepetitionTime=TR, SliceTimingCorrected=True)
    with pytest.warns(match=r"StartTime does not state to which time; .* \[TM02\]"):
        assert timing(tiny).times[0] == 0.0
    state(tiny, VolumeTiming=[5 + t for t in SPARSE], AcquisitionDuration=2.0)
    with pytest.warns(match="VolumeTiming begins at 5 s, taken as time on the clock of the events"):
        assert timing(tiny).times[0] == 5.0


@pytest.mark.parametrize(
    ("toffset", "unit", "start", "told"),
    [
        (1.0, "sec", 1.0, r"toffset 1 s in the header is taken .*write StartTime"),
        (1000.0, "msec", 1.0, r"toffset 1 s in the header is taken"),
        (30.0, "sec", 0.0, r"toffset 30 s in the header is not used"),
        (1.0, "unknown", 0.0, None),
        (0.0, "sec", 0.0, None),
    ],
)
def test_the_offset_of_a_header_is_told(tiny: Path, toffset, unit, start, told) -> None:
    for path in (tiny / "sub-01" / "func").glob("*_bold.nii.gz"):
        image = nib.load(path)
        image.header["toffset"] = toffset
        image.header.set_xyzt_units("mm", unit)
        image.header.set_zooms((3, 3, 3, {"msec": 2000.0}.get(unit, 2.0)))
        nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = timing(tiny)
    assert found.times[0] == start
    assert (told is None) == (not caught)
    if told is not None:
        with pytest.warns(match=told):
            timing(tiny)
        with pytest.warns(match=r"StartTime 0.5 s is taken, not toffset .*\[TM02\]"):
            state(tiny, RepetitionTime=TR, StartTime=0.5)
            assert timing(tiny).times[0] == 0.5


@pytest.mark.parametrize("unit", ["hz", "ppm", "rads"])
def test_a_header_in_no_unit_of_time_states_no_repetition_time(tiny: Path, unit: str) -> None:
    for path in (tiny / "sub-01" / "func").glob("*_bold.nii.gz"):
        image = nib.load(path)
        image.header.set_xyzt_units("mm", unit)
        image.header.set_zooms((3, 3, 3, 5.0))
        nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    with pytest.warns(match=r"5 apart in the header, in no unit of time, and 2 s here.*\[TM02\]"):
        assert timing(tiny).tr == TR


@pytest.mark.parametrize("zoom", [0.0, 1.0, 2.0, 2000.0])
def test_a_header_without_a_unit_of_time_is_right_or_says_nothing(tiny: Path, zoom: float) -> None:
    for path in (tiny / "sub-01" / "func").glob("*_bold.nii.gz"):
        image = nib.load(path)
        image.header.set_xyzt_units("mm", "unknown")
        image.header["pixdim"][4] = zoom
        nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    assert timing(tiny).tr == TR
    assert timing(tiny, tr=TR).tr == TR
    with pytest.raises(DataError, match=r"is 3 s, RepetitionTime 2 s in the .*, none in the im"):
        timing(tiny, tr=3.0)


def test_surfaces_and_cifti_files_follow_their_sidecar_and_their_own_start(surfaces: Path) -> None:
    sidecar = surfaces / SIDECAR.replace("task-x", "task-look")
    sidecar.write_text(json.dumps({"RepetitionTime": 2.0, "StartTime": 0.9}))
    for kind in ("gifti", "dtseries"):
        files = find_runs(surfaces, file_format=kind)[0]
        assert volume_times(files, open_bold(files)).told == (
            f"first volume at 0.90 s: StartTime of {sidecar}"
        )
    sidecar.write_text("{}")
    for kind in ("gifti", "dtseries"):  # files that state seconds or milliseconds need no sidecar
        files = find_runs(surfaces, file_format=kind)[0]
        found = volume_times(files, open_bold(files))
        assert found.tr == 2.0 and found.told.startswith("first volume at 0.00 s: the start of its")


@pytest.mark.parametrize(("start", "unit"), [(0.9, "SECOND"), (0.9, "HERTZ"), (9.0, "SECOND")])
def test_the_start_of_a_cifti_series(surfaces: Path, start: float, unit: str) -> None:
    files = find_runs(surfaces, file_format="dtseries")[0]
    image = nib.load(files.bold)
    axis = nib.cifti2.SeriesAxis(start, 2.0, 40, unit)
    data = np.asarray(image.dataobj).copy()  # not a map of the file that is written over
    nib.save(nib.cifti2.Cifti2Image(data, (axis, image.header.get_axis(1))), files.bold)
    if start > 2:
        with pytest.raises(DataError, match=r"nii: SeriesStart 9 s is not within 0 to 2 s"):
            volume_times(files, open_bold(files))
        return
    found = volume_times(files, open_bold(files))
    if unit == "HERTZ":
        assert found.times[0] == 0.0
    else:
        assert found.told == f"first volume at 0.90 s: SeriesStart of {files.bold}"


def test_hemispheres_have_one_start(surfaces: Path) -> None:
    path = find_runs(surfaces, file_format="gifti")[0].hemispheres["R"]
    sidecar = path.with_name(path.name.replace(".func.gii", ".json"))
    sidecar.write_text(json.dumps({"StartTime": 1.0}))
    with pytest.raises(DataError, match=r"StartTime of .*hemi-R.* is 1.0, of .*hemi-L.* None"):
        find_runs(surfaces, file_format="gifti")


def test_hemispheres_have_one_time_step(surfaces: Path) -> None:
    files = find_runs(surfaces, file_format="gifti")[0]
    image = nib.load(files.hemispheres["R"])
    for array in image.darrays:
        array.meta["TimeStep"] = "1500.0"
    nib.save(image, files.hemispheres["R"])
    with pytest.raises(DataError, match=r"TimeStep 2000 in .*hemi-L.* and 1500 in .*hemi-R"):
        open_bold(files)


def test_runs_of_regular_and_of_irregular_volumes_are_not_mixed(tiny: Path) -> None:
    one = tiny / "sub-01" / "func" / "sub-01_task-x_run-2_bold.json"
    one.write_text(json.dumps({"VolumeTiming": SPARSE, "RepetitionTime": None}))
    with pytest.raises(DataError, match=r"run-1 2 s, .*run-2 irregular"):
        load_runs(tiny)


@pytest.mark.parametrize(
    ("times", "tr", "duration"),
    [
        (np.arange(N) * 2.0, 2.0, 80.0),
        (np.arange(N) * 2.0 + 0.9, 2.0, 80.0),
        (np.array(SPARSE), None, SPARSE[-1] + 2.0),
        (np.array(SPARSE) + 0.9, None, SPARSE[-1] + 2.0),
    ],
)
def test_written_series_are_read_at_their_times(tiny: Path, times, tr, duration) -> None:
    run = load_runs(tiny)[0]
    values = {name: stream.values for name, stream in run.responses.items()}
    responses = {name: Stream(v, times, run.responses[name].columns) for name, v in values.items()}
    moved = Run(responses, duration=duration, tr=tr, space=run.space)
    sidecar = {"TaskName": "x", **times_metadata(moved)}
    func, entities = tiny / "sub-01" / "func", {"subject": "01", "task": "x", "run": "1"}
    write_values(func, entities, "bold", run.space, values, sidecar, fill=0.0)
    (tiny / SIDECAR).unlink()
    read = timing(tiny)
    np.testing.assert_allclose(read.times, times, atol=1e-6)
    assert read.tr == tr and read.duration == pytest.approx(duration, abs=1e-5)


def test_a_written_cifti_series_states_its_start(surfaces: Path, tmp_path: Path) -> None:
    axis = open_bold(find_runs(surfaces, file_format="dtseries")[0]).axis
    path = tmp_path / "x_bold.dtseries.nii"
    write_cifti(path, axis, np.zeros((12, len(axis))), 2.0, 0.9)
    written = nib.load(path).header.get_axis(0)
    assert (written.start, written.step, written.unit) == (0.9, 2.0, "SECOND")
