"""Readouts: how the activity of populations becomes a measurement."""

from drmbids.core.registry import Registry

READOUTS = Registry(
    "readout",
    {
        "bold": "drmbids.readouts.bold:BOLD",
        "balloon": "drmbids.readouts.balloon:Balloon",
        "gru": "drmbids.readouts.gru:GRUReadout",
        "lead_field": "drmbids.readouts.lead_field:LeadField",
        "lfp": "drmbids.readouts.lfp:LFP",
        "calcium": "drmbids.readouts.calcium:Calcium",
        "spikes": "drmbids.readouts.spikes:Spikes",
        "single_population": "drmbids.readouts.single_population:SinglePopulation",
        "behaviour": "drmbids.readouts.behaviour:Behaviour",
        "reaction_time": "drmbids.readouts.reaction_time:ReactionTime",
        "choice": "drmbids.readouts.choice:Choice",
    },
)

HRFS = Registry(
    "hemodynamic response",
    {
        "double_gamma": "drmbids.readouts.hemodynamics:DoubleGamma",
        "smooth": "drmbids.readouts.hemodynamics:SmoothHRF",
        "library": "drmbids.readouts.library:LibraryHRF",
        "fir": "drmbids.readouts.fir:FIR",
        "double_exponential": "drmbids.readouts.double_exponential:DoubleExponential",
        "oscillation": "drmbids.readouts.oscillation:Oscillation",
    },
)
