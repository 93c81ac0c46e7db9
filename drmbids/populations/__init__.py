"""Neural populations: afferents in, activity out."""

from drmbids.core.registry import Registry

POPULATIONS = Registry(
    "population",
    {
        "additive": "drmbids.populations.additive:Additive",
        "leaky": "drmbids.populations.leaky:Leaky",
        "linear": "drmbids.populations.linear:Linear",
        "gru": "drmbids.populations.gru:GRU",
        "lstm": "drmbids.populations.lstm:LSTM",
        "conv": "drmbids.populations.conv:Conv",
        "receptive_field": "drmbids.populations.receptive_field:ReceptiveField",
        "wong_wang": "drmbids.populations.wong_wang:ReducedWongWang",
        "wong_wang_ei": "drmbids.populations.wong_wang_ei:ReducedWongWangEI",
        "ornstein_uhlenbeck": "drmbids.populations.ornstein_uhlenbeck:OrnsteinUhlenbeck",
        "hopf": "drmbids.populations.hopf:Hopf",
        "kuramoto": "drmbids.populations.kuramoto:Kuramoto",
        "wilson_cowan": "drmbids.populations.wilson_cowan:WilsonCowan",
        "jansen_rit": "drmbids.populations.jansen_rit:JansenRit",
        "fitzhugh_nagumo": "drmbids.populations.fitzhugh_nagumo:FitzHughNagumo",
    },
)
