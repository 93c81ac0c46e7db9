"""Neural populations: afferents in, activity out."""

from drmbids.data.tools.registry import Registry

POPULATIONS = Registry(
    "population",
    {
        "additive": "drmbids.brain.populations.additive:Additive",
        "leaky": "drmbids.brain.populations.leaky:Leaky",
        "linear": "drmbids.brain.populations.linear:Linear",
        "gru": "drmbids.brain.populations.gru:GRU",
        "lstm": "drmbids.brain.populations.lstm:LSTM",
        "conv": "drmbids.brain.populations.conv:Conv",
        "receptive_field": "drmbids.brain.populations.receptive_field:ReceptiveField",
        "wong_wang": "drmbids.brain.populations.wong_wang:ReducedWongWang",
        "wong_wang_ei": "drmbids.brain.populations.wong_wang_ei:ReducedWongWangEI",
        "ornstein_uhlenbeck": "drmbids.brain.populations.ornstein_uhlenbeck:OrnsteinUhlenbeck",
        "hopf": "drmbids.brain.populations.hopf:Hopf",
        "kuramoto": "drmbids.brain.populations.kuramoto:Kuramoto",
        "wilson_cowan": "drmbids.brain.populations.wilson_cowan:WilsonCowan",
        "jansen_rit": "drmbids.brain.populations.jansen_rit:JansenRit",
        "fitzhugh_nagumo": "drmbids.brain.populations.fitzhugh_nagumo:FitzHughNagumo",
    },
)
