"""The methods text of an analysis, from what was really run."""

from collections.abc import Mapping
from typing import Any

from drmbids.core.nuisance import Nuisance
from drmbids.estimators.drm import DRMRegressor
from drmbids.report.methods import Training, methods_text
from drmbids.training.maps import DEFAULT_ALPHAS

# How the kinds of hemodynamic responses of model files read in a sentence.
_HRFS = {
    "DoubleGamma": "a double-gamma hemodynamic response whose parameters were fitted",
    "SmoothHRF": "a smooth hemodynamic response that was estimated from the data",
}


def citation(
    record: Mapping[str, Any],
    fitted: Mapping[str, DRMRegressor],
    nuisance: Nuisance,
    held_out: str,
) -> str:
    """Return the methods text of one participant's analysis.

    Parameters
    ----------
    record : mapping
        What went in, as it is saved.
    fitted : mapping of str to DRMRegressor
        Models by name, fitted on all runs.
    nuisance : Nuisance
        What was taken out before scoring.
    held_out : str
        ``"run"`` or ``"session"``.

    Returns
    -------
    str
        Markdown.
    """
    training = {name: _training(estimator) for name, estimator in fitted.items()}
    return methods_text(record, nuisance=nuisance, folds=held_out, training=training)


def _training(estimator: DRMRegressor) -> Training:
    alphas = DEFAULT_ALPHAS if estimator.alphas is None else estimator.alphas
    kind = type(getattr(estimator.net_.readout, "hrf", None)).__name__
    window = estimator.model_.training.window_s
    return Training(
        hrf=_HRFS.get(kind, f"a hemodynamic response ({kind})"),
        penalties=(alphas,) if isinstance(alphas, float | int) else tuple(alphas),
        n_epochs=estimator.history_[-1]["epoch"],
        learning_rate=estimator.history_[0]["learning_rate"],
        cutoff_s=window if estimator.window is None else estimator.window,
        seed=estimator.random_state,
    )
