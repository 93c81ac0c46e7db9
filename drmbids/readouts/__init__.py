"""Readouts: how the activity of populations becomes a measurement."""

from drmbids.core.registry import Registry

READOUTS = Registry(
    "readout",
    {
        "bold": "drmbids.readouts.bold:BOLD",
        "balloon": "drmbids.readouts.balloon:Balloon",
        "gru": "drmbids.readouts.gru:GRUReadout",
        "lead_field": "drmbids.readouts.lead_field:LeadField",
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
    },
)
