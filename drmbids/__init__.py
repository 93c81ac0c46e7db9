"""Dynamic representational modeling for BIDS datasets.

Names are looked up on first use, so that ``import drmbids`` stays fast and loads no torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Every public name and the module it comes from: the one list that docs, tests and users read.
_PUBLIC = {
    "Run": "core.run",
    "Stream": "core.stream",
    "Events": "core.stream",
    "TimeGrid": "core.time",
    "Nuisance": "core.nuisance",
    "choice_stream": "core.choices",
    "Results": "core.results",
    "DRMIterator": "iterators.iterator",
    "DRMNode": "nodes",
    "DRMPopulation": "populations.base",
    "StepPopulation": "populations.base",
    "Additive": "populations.additive",
    "Leaky": "populations.leaky",
    "GRU": "populations.gru",
    "Mass": "populations.mass",
    "ReducedWongWang": "populations.wong_wang",
    "Hopf": "populations.hopf",
    "OrnsteinUhlenbeck": "populations.ornstein_uhlenbeck",
    "DRMConnection": "connections.base",
    "Gate": "connections.gate",
    "LearnedDelay": "connections.learned_delay",
    "Tracts": "connections.tracts",
    "DRMReadout": "readouts.base",
    "BOLD": "readouts.bold",
    "DoubleGamma": "readouts.hemodynamics",
    "SmoothHRF": "readouts.hemodynamics",
    "LibraryHRF": "readouts.library",
    "FIR": "readouts.fir",
    "Balloon": "readouts.balloon",
    "GRUReadout": "readouts.gru",
    "Choice": "readouts.choice",
    "DRMLoss": "losses.base",
    "CrossEntropy": "losses.cross_entropy",
    "Poisson": "losses.poisson",
    "NegativeBinomial": "losses.negative_binomial",
    "Correlation": "losses.correlation",
    "WeightedSum": "losses.weighted",
    "SummaryLoss": "losses.summary",
    "Connectivity": "losses.connectivity",
    "LaggedConnectivity": "losses.lagged_connectivity",
    "Spectra": "losses.spectra",
    "ConnectivityDynamics": "losses.connectivity_dynamics",
    "RestingState": "losses.resting_state",
    "DRMNet": "net.net",
    "load_model": "spec.load",
    "default_model": "spec.default",
    "ModelSpec": "spec.model",
    "DRM": "training.drm",
    "simulate_runs": "simulation.simulate",
    "simulate_rest": "simulation.rest",
    "DRMRegressor": "estimators.drm",
    "DRMClassifier": "estimators.classifier",
    "WholeBrain": "estimators.whole_brain",
    "Ensemble": "estimators.ensemble",
    "GLMBaseline": "estimators.glm",
    "RidgeBaseline": "estimators.ridge",
    "HRFLibrary": "estimators.library",
    "MeanBaseline": "estimators.mean",
    "RunTransformer": "estimators.transformers",
    "SelectStimuli": "estimators.transformers",
    "ScaleStimuli": "estimators.transformers",
    "PCAStimuli": "estimators.transformers",
    "PCAResponses": "estimators.responses",
    "TransformedResponses": "estimators.responses",
    "GammaKernel": "estimators.design",
    "StretchedHRF": "estimators.design",
    "fit_together": "estimators.together",
    "parameter_intervals": "inference.intervals",
    "compare_models": "comparison.compare",
    "paired_differences": "comparison.paired",
    "with_log_likelihood": "comparison.likelihood",
    "permutation_test": "comparison.permutation",
    "partition_variance": "comparison.partition",
    "split_r2": "metrics.split",
    "repeat_groups": "comparison.ceiling",
    "noise_ceiling": "comparison.ceiling",
    "normalised_scores": "comparison.ceiling",
    "participant_differences": "comparison.participants",
    "select_models": "comparison.selection",
    "summarise_results": "comparison.summary",
    "summarise_differences": "comparison.mixed",
    "comparison_statistics": "comparison.statistics",
    "comparison_figures": "comparison.figures",
    "check_dataset": "checks.check",
    "find_runs": "bids.find",
    "load_runs": "bids.load",
}

__all__ = [*_PUBLIC, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'drmbids' has no attribute {name!r}")
    return getattr(import_module(f"drmbids.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
