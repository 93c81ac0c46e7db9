"""Hemodynamic responses of a readout as a table."""

import pandas as pd
import torch

from drmbids.net.readouts import AnyReadout
from drmbids.readouts.bold import BOLD

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
        No rows where the readout is not BOLD.
    """
    if not isinstance(readout, BOLD):
        return pd.DataFrame(columns=["region", "time_s", "hrf"])
    lag = torch.arange(0.0, readout.hrf.length, STEP_S, dtype=torch.float64)
    like = next(readout.parameters())
    curves = readout.responses(lag.to(like)).cpu().double()
    return pd.concat(
        [
            pd.DataFrame({"region": name, "time_s": lag.numpy(), "hrf": curve.numpy()})
            for name, curve in zip(readout.regions, curves, strict=True)
        ],
        ignore_index=True,
    )
