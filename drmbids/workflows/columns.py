"""Meaning and unit of every column in the tables that are written."""

from collections.abc import Mapping
from typing import Any


def _column(description: str, units: str | None = None, **levels: str) -> Mapping[str, Any]:
    """Return the entry of a column in a JSON sidecar."""
    entry: dict[str, Any] = {"Description": description}
    if units is not None:
        entry["Units"] = units
    return entry | ({"Levels": levels} if levels else {})


_WHO = {
    "model": _column("Name of the model", glm="linear model", drm="dynamic model"),
    "region": _column("Region of interest"),
    "target": _column("Index of the voxel in its region, in the order of the saved maps"),
    "fold": _column("Run or session that was held out"),
    "baseline": _column("Model that the others are compared with"),
    "node": _column("Population, or the readout"),
    "source": _column("Stimulus or population that sends; for a parameter, origin of its default"),
}

_SCORES = {
    "r": _column("Correlation of measured and predicted series, nuisance taken out", "1"),
    "r2": _column("Coefficient of determination, nuisance taken out", "1"),
    **{
        f"{score}_{short}": _column(f"{long} over voxels of the mean of {score} over folds", "1")
        for score in ("r", "r2")
        for short, long in (("median", "Median"), ("mean", "Mean"), ("p95", "95th percentile"))
    },
}

_PAIRED = {
    "score": _column("Score that is compared", r="correlation", r2="coefficient of determination"),
    "n_targets": _column("Voxels that both models can be scored on", "1"),
    "median": _column("Median over voxels of the fold means, model minus baseline", "1"),
    "mean": _column("Mean over voxels of the fold means, model minus baseline", "1"),
    "share_better": _column("Share of voxels in which the model beats the baseline", "1"),
    "n_folds": _column("Folds of the cross-validation", "1"),
    "fold_mean": _column("Mean over folds of the median difference over voxels", "1"),
    "fold_se": _column(
        "Standard error of fold_mean, corrected for shared training runs (Nadeau and Bengio 2003)",
        "1",
    ),
    "t": _column("fold_mean divided by fold_se", "1"),
    "p": _column("Two-sided p of t with n_folds - 1 degrees of freedom", "1"),
}

_MODEL = {
    "parameter": _column("Name of the parameter"),
    "index": _column("Which element of the parameter, n/a for a single number"),
    "value": _column("Value after training, in the unit of its row"),
    "unit": _column("Unit of the value"),
    "trainable": _column("Whether training moves it"),
    "meaning": _column("What the parameter is"),
    "target": _column("Population that receives"),
    "delay_s": _column("Conduction delay", "s"),
    "weight_mean": _column("Mean of the weights, n/a where a connection has none of its own", "1"),
    "weight_norm": _column("Frobenius norm of the weights", "1"),
    "time_s": _column("Time since the neural impulse", "s"),
    "hrf": _column("Hemodynamic response to a neural impulse", "1/s"),
    "epoch": _column("Pass over the training runs", "1"),
    "train_loss": _column("Squared error over the variance of the targets, training runs", "1"),
    "val_loss": _column("Squared error over the variance of the targets, validation runs", "1"),
    "learning_rate": _column("Step size of the gradient descent", "1"),
    "seconds": _column("Duration of the epoch", "s"),
}

SCORE_TABLES = _WHO | _SCORES | _PAIRED
MODEL_TABLES = _WHO | _MODEL

#: Tables over participants, by name of the file.
GROUP_TABLES = SCORE_TABLES | {
    "participant_id": _column("Label of the participant, with sub-"),
    "analysis": _column("Entities that the runs of the analysis share"),
    "n_targets": _column("Voxels of the region", "1"),
    "n_participants": _column("Participants with both models", "1"),
    "mean_difference": _column("Mean over participants of the difference in median r", "1"),
    "median_difference": _column("Median over participants of the difference in median r", "1"),
    "ci_low": _column("Lower end of the 95 % interval of mean_difference (Student)", "1"),
    "ci_high": _column("Upper end of the 95 % interval of mean_difference (Student)", "1"),
    "n_better": _column("Participants in whom the model beats the baseline", "1"),
}
