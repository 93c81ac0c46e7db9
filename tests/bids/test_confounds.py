from pathlib import Path

import numpy as np
import pytest

from drmbids.bids.confounds import load_strategy, read_confounds
from drmbids.bids.load import load_runs
from drmbids.core.exceptions import DataError


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
    with pytest.raises(
        DataError, match="no column 'rot_\\*'; there are trans_x, trans_y, fd, late"
    ):
        read_confounds(table, ["trans_x", "rot_*"])


def test_fill_agrees_with_nilearn(fmriprep: Path) -> None:
    folder = fmriprep / "sub-01" / "func"
    image = folder / "sub-01_task-x_run-01_space-T1w_desc-preproc_bold.nii.gz"
    theirs, kept = load_strategy(image, "simple")
    assert kept is None
    table = folder / "sub-01_task-x_run-01_desc-confounds_timeseries.tsv"
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
