"""Connections: how activity travels from one population to another."""

from drmbids.data.tools.registry import Registry

CONNECTIONS = Registry(
    "connection",
    {
        "delay": "drmbids.brain.connections.base:DRMConnection",
        "gate": "drmbids.brain.connections.gate:Gate",
        "learned_delay": "drmbids.brain.connections.learned_delay:LearnedDelay",
        "tracts": "drmbids.brain.connections.tracts:Tracts",
    },
)

WEIGHTS = Registry(
    "weights",
    {
        "dense": "drmbids.brain.connections.weights:Dense",
        "diagonal": "drmbids.brain.connections.weights:Diagonal",
        "low_rank": "drmbids.brain.connections.weights:LowRank",
        "conv": "drmbids.brain.connections.conv_weights:ConvWeights",
    },
)

SYNAPSES = Registry(
    "synapse",
    {
        "exponential": "drmbids.brain.connections.synapse:ExponentialSynapse",
        "alpha": "drmbids.brain.connections.synapse:AlphaSynapse",
        "double_exponential": "drmbids.brain.connections.synapse:DoubleExponentialSynapse",
    },
)

PLASTICITY = Registry(
    "plasticity",
    {"tsodyks_markram": "drmbids.brain.connections.plasticity:TsodyksMarkram"},
)
