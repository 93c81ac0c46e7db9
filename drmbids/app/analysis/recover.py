"""What a participant's fit recovers of the truth, where the data are simulated."""

from collections.abc import Sequence
from pathlib import Path

from drmbids.app.analysis.write import models_folder
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.bids.files.write import file_name, shared_entities, write_table
from drmbids.compare.recovery.compare import RECOVERY_COLUMNS, recovery_table
from drmbids.compare.recovery.truth import read_truth_hrf
from drmbids.data.runs.run import Run
from drmbids.fit.estimators.drm import DRMRegressor

_HRF_COLUMNS = {
    "region": {"Description": "Region of interest"},
    "time_s": {"Description": "Time since the activity", "Units": "s"},
    "hrf": {"Description": "True hemodynamic response", "Units": "1/s"},
}


def write_recovery(
    dataset: DerivativeDataset, runs: Sequence[Run], estimator: DRMRegressor, truth: Path
) -> None:
    """Write estimates beside the truth, and the true hemodynamic responses, for the report.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    estimator : DRMRegressor
        Fitted on all runs.
    truth : Path
        From :func:`drmbids.compare.recovery.truth.find_truth`.
    """
    entities = shared_entities(runs)
    folder = models_folder(dataset.root, entities)
    name = file_name(entities, "scores", ".tsv", desc="recovery")
    write_table(folder / name, recovery_table(estimator, truth), RECOVERY_COLUMNS)
    name = file_name(entities, "hrf", ".tsv", desc="truth")
    write_table(folder / name, read_truth_hrf(truth), _HRF_COLUMNS)
