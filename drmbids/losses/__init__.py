"""Losses: how far a prediction is from what was measured."""

from drmbids.core.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "squared_error": "drmbids.losses.base:DRMLoss",
        "cross_entropy": "drmbids.losses.cross_entropy:CrossEntropy",
    },
)
