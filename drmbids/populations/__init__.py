"""Neural populations: afferents in, activity out."""

from drmbids.core.registry import Registry

POPULATIONS = Registry(
    "population",
    {
        "additive": "drmbids.populations.additive:Additive",
        "leaky": "drmbids.populations.leaky:Leaky",
        "gru": "drmbids.populations.gru:GRU",
        "wong_wang": "drmbids.populations.wong_wang:ReducedWongWang",
        "ornstein_uhlenbeck": "drmbids.populations.ornstein_uhlenbeck:OrnsteinUhlenbeck",
        "hopf": "drmbids.populations.hopf:Hopf",
    },
)
