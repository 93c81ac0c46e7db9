"""Hemodynamic responses of a readout as a table."""

import pandas as pd
import torch

from drmbids.brain.net.readouts import AnyReadout, by_name
from drmbids.brain.readouts.bold import BOLD

#: Seconds between rows: fine enough to draw a smooth curve.
STEP_S = 0.1


@torch.no_grad()
def response_table(readout: AnyReadout) -> pd.DataFrame:
    """Return the hemodynamic response of each region: region, time_s, hrf (1/s).

    Parameters
    ----------
    readout : DRMReadout or Readouts

    Returns
    -------
    DataFrame
        No rows where no readout is BOLD.
    """
    tables = []
    for part in by_name(readout).values():
        if not isinstance(part, BOLD):
            continue
        lag = torch.arange(0.0, part.hrf.length, STEP_S, dtype=torch.float64)
        curves = part.responses(lag.to(next(part.parameters()))).cpu().double()
        tables += [
            pd.DataFrame({"region": name, "time_s": lag.numpy(), "hrf": curve.numpy()})
            for name, curve in zip(part.regions, curves, strict=True)
        ]
    if not tables:
        return pd.DataFrame(columns=["region", "time_s", "hrf"])
    return pd.concat(tables, ignore_index=True)
