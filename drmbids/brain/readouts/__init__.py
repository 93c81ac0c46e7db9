"""Readouts: how the activity of populations becomes a measurement."""

from drmbids.data.tools.registry import Registry

READOUTS = Registry(
    "readout",
    {
        "bold": "drmbids.brain.readouts.bold:BOLD",
        "balloon": "drmbids.brain.readouts.balloon:Balloon",
        "gru": "drmbids.brain.readouts.gru:GRUReadout",
        "lead_field": "drmbids.brain.readouts.lead_field:LeadField",
        "lfp": "drmbids.brain.readouts.lfp:LFP",
        "calcium": "drmbids.brain.readouts.calcium:Calcium",
        "spikes": "drmbids.brain.readouts.spikes:Spikes",
        "single_population": "drmbids.brain.readouts.single_population:SinglePopulation",
        "behaviour": "drmbids.brain.readouts.behaviour:Behaviour",
        "reaction_time": "drmbids.brain.readouts.reaction_time:ReactionTime",
        "choice": "drmbids.brain.readouts.choice:Choice",
    },
)

HRFS = Registry(
    "hemodynamic response",
    {
        "double_gamma": "drmbids.brain.readouts.hemodynamics:DoubleGamma",
        "smooth": "drmbids.brain.readouts.hemodynamics:SmoothHRF",
        "library": "drmbids.brain.readouts.library:LibraryHRF",
        "fir": "drmbids.brain.readouts.fir:FIR",
        "double_exponential": "drmbids.brain.readouts.double_exponential:DoubleExponential",
        "oscillation": "drmbids.brain.readouts.oscillation:Oscillation",
    },
)
