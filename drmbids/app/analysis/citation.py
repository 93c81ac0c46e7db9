"""The methods text of an analysis, from what was really run."""

from collections.abc import Mapping
from typing import Any

from drmbids.app.report.methods import Training, methods_text
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.nuisance import Nuisance
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.maps.ridge import DEFAULT_ALPHAS

# How hemodynamic responses, and readouts that have none, read in a sentence.
_HRFS = {
    "DoubleGamma": "a double-gamma hemodynamic response (Friston et al., 1998)",
    "SmoothHRF": "a smooth hemodynamic response that was estimated from the data",
    "LibraryHRF": "a hemodynamic response from a library of double-gamma shapes",
    "FIR": "a finite impulse response that was estimated from the data",
    "Balloon": "a Balloon-Windkessel model (Stephan et al., 2007)",
    "GRUReadout": "gated recurrent units that stand for the hemodynamics",
    "Choice": "mean activity before each choice",
    "ReactionTime": "mean activity before a deadline",
    "Behaviour": "mean activity in windows before each sample",
    "Spikes": "mean activity within each bin",
    "SinglePopulation": "the activity of units recorded directly",
    "LeadField": "a lead field (minimum-norm maps to sources)",
    "DoubleExponential": "a rise and a decay (difference of two exponentials)",
    "Oscillation": "the power of a band (quadrature pair of filters)",
}
#: What responses that several readouts share are responses of.
_OF = {"Calcium": " of calcium", "LFP": " of the field potential"}
_DERIVATIVES = {
    "none": "",
    "time": ", with its time derivative",
    "time_and_dispersion": ", with its time and dispersion derivatives",
}


def citation(
    record: Mapping[str, Any],
    fitted: Mapping[str, DRMRegressor],
    nuisance: Nuisance,
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

    Returns
    -------
    str
        Markdown.
    """
    training = {name: _training(estimator) for name, estimator in fitted.items()}
    return methods_text(record, nuisance=nuisance, training=training)


def _training(estimator: DRMRegressor) -> Training:
    alphas = DEFAULT_ALPHAS if estimator.alphas is None else estimator.alphas
    window, stack = estimator.model_.training.window_s, estimator.stack_
    n_epochs = sum(row["learning_rate"] > 0 for row in estimator.history_)  # those with a step
    return Training(
        hrf=describe_hemodynamics(estimator.net_.readout),
        penalties=(alphas,) if isinstance(alphas, float | int) else tuple(alphas),
        n_epochs=n_epochs,
        learning_rate=estimator.history_[0]["learning_rate"],
        cutoff_s=window if estimator.window is None else estimator.window,
        seed=estimator.random_state,
        n_finish_passes=estimator.history_[-1]["epoch"] - n_epochs,
        n_starts=estimator.n_starts or estimator.model_.training.n_starts or 1,
        n_alike=estimator.history_[0].get("n_alike", 0),
        n_exchanged=estimator.history_[0].get("n_exchanged", 0),
        dynamic_share=None if stack is None else float(stack.share.mean()),
    )


def describe_hemodynamics(readout: DRMReadout) -> str:
    """Return how activity became the measurement, as it reads in a sentence."""
    part = readout if type(readout).__name__ in _HRFS else getattr(readout, "hrf", readout)
    kind = type(part).__name__
    fitted = " whose parameters were fitted" if getattr(part, "trainable", False) else ""
    derivatives = _DERIVATIVES[getattr(part, "derivatives", "none")]
    of = _OF.get(type(readout).__name__, "")
    return _HRFS.get(kind, f"a hemodynamic response ({kind})") + of + fitted + derivatives
