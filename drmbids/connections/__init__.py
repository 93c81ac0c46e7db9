"""Connections: how activity travels from one population to another."""

from drmbids.core.registry import Registry

CONNECTIONS = Registry(
    "connection",
    {
        "delay": "drmbids.connections.base:DRMConnection",
        "gate": "drmbids.connections.gate:Gate",
        "learned_delay": "drmbids.connections.learned_delay:LearnedDelay",
        "tracts": "drmbids.connections.tracts:Tracts",
    },
)

WEIGHTS = Registry(
    "weights",
    {
        "dense": "drmbids.connections.weights:Dense",
        "diagonal": "drmbids.connections.weights:Diagonal",
        "low_rank": "drmbids.connections.weights:LowRank",
        "conv": "drmbids.connections.conv_weights:ConvWeights",
    },
)

SYNAPSES = Registry(
    "synapse",
    {
        "exponential": "drmbids.connections.synapse:ExponentialSynapse",
        "alpha": "drmbids.connections.synapse:AlphaSynapse",
        "double_exponential": "drmbids.connections.synapse:DoubleExponentialSynapse",
    },
)

PLASTICITY = Registry(
    "plasticity",
    {"tsodyks_markram": "drmbids.connections.plasticity:TsodyksMarkram"},
)
