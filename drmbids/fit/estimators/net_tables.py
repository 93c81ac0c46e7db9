"""What the net of a fitted estimator tells: its parameters, connections, responses and readouts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.couplings import coupling_rows
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts, by_name
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.fit.estimators.response_table import response_table
from drmbids.fit.estimators.stacking import Stack
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.losses import losses_of


class NetTables:
    """Tables of the net of an estimator, ``net_``, once it is fitted."""

    net_: DRMNet
    stack_: Stack | None
    regions_: dict[str, int]
    device: str
    _iterate: Callable[[Sequence[Run]], DRMIterator]

    @property
    def _nuisances(self) -> Mapping[str, Nuisance]:
        """What :meth:`score` takes out of both series: the nuisance of each readout."""
        return {name: part.nuisance for name, part in by_name(self.net_.readout).items()}

    def parameters_table(self) -> pd.DataFrame:
        """Return physical parameters, in the columns of :meth:`DRMNet.parameter_rows`."""
        check_is_fitted(self)
        return pd.DataFrame(self.net_.parameter_rows())

    def connections_table(self) -> pd.DataFrame:
        """Return connections with delay, weights, what they go through and what gates them."""
        check_is_fitted(self)
        return pd.DataFrame(self.net_.connection_rows())

    def couplings_table(self) -> pd.DataFrame:
        """Return inputs, couplings and modulations of linear areas on the scale of BOLD.

        The scale of an area can move from its weights to its map, so that weights alone mean
        nothing. Values here are what lasting activity does to BOLD, over this connection alone: the
        matrices C, A and B of a dynamic causal model (Friston, Harrison and Penny 2003), where
        theirs are divided by the time constant of the target.

        Returns
        -------
        DataFrame
            Columns ``kind, source, condition, target, modulator, value``. ``input``: response of
            the target (mean over its targets, in their unit) to the condition at 1. ``coupling``:
            response of the target for a response of 1 of the source. ``modulation``: what the
            modulator at 1 adds to the value of the connection.

        Raises
        ------
        UsageError
            If a population is not linear or has several units, a connection is more than a delay
            and its gates, or a population does not have a BOLD region of its own.

        References
        ----------
        Friston, Harrison and Penny 2003, NeuroImage 19:1273-1302, equation 1.
        """
        check_is_fitted(self)
        return pd.DataFrame(coupling_rows(self.net_))

    def shares_table(self) -> pd.DataFrame:
        """Return the share of the dynamic model in the predictions of each target.

        Returns
        -------
        DataFrame
            Columns ``region, target, dynamic_share``, from 0 (a linear model without dynamics
            serves left-out training data best) to 1 (the model alone does); see
            :mod:`drmbids.fit.estimators.stacking`. Empty where predictions are the model's own.
        """
        check_is_fitted(self)
        columns = ["region", "target", "dynamic_share"]
        if self.stack_ is None:
            return pd.DataFrame(columns=columns)
        names = [(region, k) for region, n in self.regions_.items() for k in range(n)]
        shares = zip(names, self.stack_.share.tolist(), strict=True)
        return pd.DataFrame([(*name, share) for name, share in shares], columns=columns)

    def activity(self, run: Run) -> dict[str, np.ndarray]:
        """Return the activity of every population in one run.

        Parameters
        ----------
        run : Run

        Returns
        -------
        dict of str to array of shape (n_ticks, n_units)
        """
        check_is_fitted(self)
        _, activity = DRM(self.net_, device=self.device).forward(self._iterate([run]))
        return dict(zip(self.net_.population_names, activity[0], strict=True))

    def hrf_table(self) -> pd.DataFrame:
        """Return the hemodynamic response of each region: region, time_s, hrf (1/s)."""
        check_is_fitted(self)
        return response_table(self.net_.readout)

    @property
    def readouts_(self) -> dict[str, dict[str, int]]:
        """Regions of each readout, with their targets; an only readout has an empty name."""
        return {
            name: dict(zip(part.regions, part.n_targets, strict=True))
            for name, part in by_name(self.net_.readout).items()
        }

    @property
    def ranks_(self) -> dict[str, float]:
        """Features that predictions of each region are weighted sums of; of several readouts none.

        What responses depend on through a link, as counts and choices, is no weighted sum.
        """
        readout = self.net_.readout
        if isinstance(readout, Readouts) or type(losses_of(readout)[ONLY]) is not DRMLoss:
            return {}
        return {name: float(readout.n_features(k)) for k, name in enumerate(readout.regions)}

    @property
    def n_parameters_(self) -> int:
        """Trainable numbers of the net, the maps to targets included."""
        check_is_fitted(self)
        return sum(p.numel() for p in self.net_.parameters() if p.requires_grad)


def expected_responses(drm: DRM, response: Any) -> Any:
    """Return what is expected of the responses in their own unit, float64.

    Parameters
    ----------
    drm : DRM
    response : array of shape (n_measured, n_targets), or mapping of str to array
        What :meth:`DRM.forward` gave for one run; by readout where there are several.
    """
    several = isinstance(drm.net.readout, Readouts)
    found = {
        name: drm.losses[name].expected(torch.as_tensor(series, dtype=torch.float64)).numpy()
        for name, series in (response if several else {ONLY: response}).items()
    }
    return found if several else found[ONLY]
