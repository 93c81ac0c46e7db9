"""Losses: how far a prediction is from what was measured."""

from drmbids.core.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "squared_error": "drmbids.losses.base:DRMLoss",
        "cross_entropy": "drmbids.losses.cross_entropy:CrossEntropy",
        "connectivity": "drmbids.losses.connectivity:Connectivity",
        "lagged_connectivity": "drmbids.losses.lagged_connectivity:LaggedConnectivity",
        "spectra": "drmbids.losses.spectra:Spectra",
        "connectivity_dynamics": "drmbids.losses.connectivity_dynamics:ConnectivityDynamics",
        "resting_state": "drmbids.losses.resting_state:RestingState",
        "poisson": "drmbids.losses.poisson:Poisson",
        "negative_binomial": "drmbids.losses.negative_binomial:NegativeBinomial",
        "correlation": "drmbids.losses.correlation:Correlation",
        "weighted_sum": "drmbids.losses.weighted:WeightedSum",
    },
)
