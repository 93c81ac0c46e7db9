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
