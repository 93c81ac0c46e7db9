from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids.bids.reading.confounds import load_strategy, read_confounds
from drmbids.bids.reading.load import load_runs
from drmbids.data.tools.exceptions import DataError, DataWarning


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    path.write_text("trans_x\ttrans_y\tfd\tlate\n1\t4\tn/a\t1\n2\t5\t0.5\tn/a\n3\t6\t0.25\t3\n")
    return path


def test_columns_and_patterns(table: Path) -> None:
    assert list(read_confounds(table, "trans_*")) == ["trans_x", "trans_y"]
    chosen = read_confounds(table, ["trans_y", "trans_*"])
    assert list(chosen) == ["trans_y", "trans_x"]
    np.testing.assert_array_equal(chosen, [[4, 1], [5, 2], [6, 3]])


def test_missing_values(table: Path) -> None:
    assert read_confounds(table, ["fd"])["fd"].tolist() == [0.5, 0.5, 0.25]
    with pytest.raises(DataError, match=r"timeseries.tsv: line 3: late is missing"):
        read_confounds(table, ["late"])
    with pytest.raises(DataError, match="no column 'rot_x'; there are trans_x, trans_y, fd, late"):
        read_confounds(table, ["trans_x", "rot_x"])


def test_fill_agrees_with_nilearn(fmriprep: Path) -> None:
    folder = fmriprep / "sub-01" / "func"
    image = folder / "sub-01_task-x_run-01_space-T1w_desc-preproc_bold.nii.gz"
    table = folder / "sub-01_task-x_run-01_desc-confounds_timeseries.tsv"
    theirs, kept = load_strategy(image, "simple", table)
    assert kept is None
    ours = read_confounds(table, list(theirs))
    # nilearn takes the mean out before it fills the first row
    with_fill = ours.iloc[1:] - ours.iloc[1:].mean()
    without = theirs.iloc[1:] - theirs.iloc[1:].mean()
    np.testing.assert_allclose(with_fill, without)
    derivative = theirs["trans_x_derivative1"]
    assert derivative.iloc[0] == derivative.iloc[1]
    assert ours["trans_x_derivative1"].iloc[0] == ours["trans_x_derivative1"].iloc[1]


def test_confounds_of_runs(tiny: Path, fmriprep: Path) -> None:
    chosen = {"derivatives": fmriprep, "space": "T1w"}
    mask = fmriprep / "sub-01/func/sub-01_task-x_run-02_space-T1w_desc-brain_mask.nii.gz"
    runs = load_runs(tiny, atlas_or_mask=mask, confounds=["trans_?", "csf"], **chosen)
    for run in runs:
        assert run.confounds is not None
        assert run.confounds.columns == ("trans_x", "trans_y", "trans_z", "csf")
        np.testing.assert_array_equal(run.confounds.times, run.measured_times())
        assert any(source.endswith("desc-confounds_timeseries.tsv") for source in run.sources)
    assert all(run.confounds is None for run in load_runs(tiny, atlas_or_mask=mask, **chosen))


def test_scrubbed_volumes_are_missing_responses(tiny: Path, fmriprep: Path) -> None:
    mask = fmriprep / "sub-01/func/sub-01_task-x_run-02_space-T1w_desc-brain_mask.nii.gz"
    chosen = {"atlas_or_mask": mask, "derivatives": fmriprep, "space": "T1w", "run": 1}
    (run,) = load_runs(tiny, confounds="scrubbing", **chosen)
    missing = np.isnan(run.responses["brain"].values)
    assert missing[20].all() and not missing[0].any()
    assert (missing.all(axis=1) == missing.any(axis=1)).all()
    assert run.confounds is not None and np.isfinite(run.confounds.values).all()
    (plain,) = load_runs(tiny, confounds="simple", **chosen)
    assert np.isfinite(plain.responses["brain"].values).all()


def test_tables_that_do_not_fit(tiny: Path, fmriprep: Path) -> None:
    chosen = {"derivatives": fmriprep, "space": "T1w", "run": 1}
    with pytest.raises(DataError, match="no confounds table"):
        load_runs(tiny, confounds=["csf"])
    with pytest.raises(DataError, match="strategy 'ica_aroma' fails"):
        load_runs(tiny, confounds="ica_aroma", **chosen)
    table = fmriprep / "sub-01/func/sub-01_task-x_run-01_desc-confounds_timeseries.tsv"
    table.write_text("\n".join(table.read_text().splitlines()[:-3]))
    with pytest.raises(DataError, match=r"37 rows, but .*run-01.*bold.nii.gz has 40 volumes"):
        load_runs(tiny, confounds=["csf"], **chosen)


def without_rows(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return the table of a run without some columns."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).drop(columns=columns)


def with_outliers(tiny: Path, n_of_run: dict[str, int]) -> None:
    """Write tables beside the raw images, with as many columns of outliers as each run has."""
    for run, n in n_of_run.items():
        table = pd.DataFrame({"trans_x": np.random.default_rng(int(run)).normal(size=40)})
        for k in range(n):
            table[f"motion_outlier{k:02d}"] = (np.arange(40) == 10 + 7 * k).astype(int)
        path = tiny / f"sub-01/func/sub-01_task-x_run-{run}_desc-confounds_timeseries.tsv"
        table.to_csv(path, sep="\t", index=False)


def test_a_pattern_that_fits_in_some_runs_adds_nothing_in_the_others(tiny: Path) -> None:
    with_outliers(tiny, {"1": 2, "2": 0})
    first, second = load_runs(tiny, confounds=["trans_*", "motion_outlier*"])
    assert first.confounds.columns == ("trans_x", "motion_outlier00", "motion_outlier01")
    assert second.confounds.columns == ("trans_x",)
    first, second = load_runs(tiny, confounds="motion_outlier*")
    assert first.confounds.values.sum(axis=0).tolist() == [1.0, 1.0]
    assert second.confounds is None


def test_a_pattern_that_fits_in_no_run_is_refused(tiny: Path) -> None:
    with_outliers(tiny, {"1": 2, "2": 0})
    with pytest.raises(DataError, match=r"no column fits 'rot_\*' in this table nor of 1 more"):
        load_runs(tiny, confounds=["trans_*", "rot_*"])
    with pytest.raises(DataError, match=r"run-2_.*no column 'motion_outlier00'; there are trans_x"):
        load_runs(tiny, confounds=["motion_outlier00"])


def test_motion_that_is_called_otherwise_in_one_run_is_warned_of(tiny: Path) -> None:
    with_outliers(tiny, {"1": 0, "2": 0})
    table = tiny / "sub-01/func/sub-01_task-x_run-2_desc-confounds_timeseries.tsv"
    table.write_text(table.read_text().replace("trans_x", "X"))
    with pytest.warns(DataWarning, match=r"run-2: 'trans_\*' fits no column here, but trans_x els"):
        load_runs(tiny, confounds=["trans_*"])


def test_a_strategy_takes_the_table_of_its_own_run(tiny: Path, fmriprep: Path) -> None:
    folder = fmriprep / "sub-01" / "func"
    # nilearn would find both tables for the first run, and this one for the second
    own = folder / "sub-01_task-x_run-01_desc-confounds_timeseries.tsv"
    table = without_rows(own, [])
    table["trans_x"] = "7"
    table.to_csv(folder / "sub-01_task-x_desc-confounds_timeseries.tsv", sep="\t", index=False)
    chosen = {"derivatives": fmriprep, "space": "T1w", "atlas_or_mask": None}
    mask = fmriprep / "sub-01/func/sub-01_task-x_run-02_space-T1w_desc-brain_mask.nii.gz"
    (run,) = load_runs(tiny, **{**chosen, "atlas_or_mask": mask}, confounds="simple", run=1)
    assert np.ptp(run.confounds.values[:, run.confounds.columns.index("trans_x")]) > 0
    (folder / "sub-01_task-x_run-02_desc-confounds_timeseries.tsv").unlink()
    with pytest.raises(DataError, match=r"run-02_.*no confounds table .* of this run"):
        load_runs(tiny, **{**chosen, "atlas_or_mask": mask}, confounds="simple", run=2)


def test_a_run_that_is_scrubbed_whole_is_told(tiny: Path, fmriprep: Path) -> None:
    table = fmriprep / "sub-01/func/sub-01_task-x_run-01_desc-confounds_timeseries.tsv"
    rows = without_rows(table, [])
    rows["framewise_displacement"] = "3.0"
    rows.to_csv(table, sep="\t", index=False)
    with pytest.raises(DataError, match=r"run-01_.*'scrubbing' scrubs all 40 volumes"):
        load_runs(tiny, derivatives=fmriprep, space="T1w", run=1, confounds="scrubbing")
