"""Losses: how far a prediction is from what was measured."""

from drmbids.data.tools.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "squared_error": "drmbids.brain.losses.base:DRMLoss",
        "cross_entropy": "drmbids.brain.losses.cross_entropy:CrossEntropy",
        "poisson": "drmbids.brain.losses.poisson:Poisson",
        "negative_binomial": "drmbids.brain.losses.negative_binomial:NegativeBinomial",
        "correlation": "drmbids.brain.losses.correlation:Correlation",
        "weighted_sum": "drmbids.brain.losses.weighted:WeightedSum",
        "connectivity": "drmbids.brain.losses.connectivity:Connectivity",
        "lagged_connectivity": "drmbids.brain.losses.lagged_connectivity:LaggedConnectivity",
        "spectra": "drmbids.brain.losses.spectra:Spectra",
        "connectivity_dynamics": "drmbids.brain.losses.connectivity_dynamics:ConnectivityDynamics",
        "resting_state": "drmbids.brain.losses.resting_state:RestingState",
    },
)
