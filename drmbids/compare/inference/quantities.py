"""What intervals are given for: physical parameters of a net, and numbers derived from them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from drmbids.brain.net.net import DRMNet
from drmbids.brain.nodes import DRMNode
from drmbids.brain.readouts.bold import BOLD
from drmbids.compare.inference.vertex import vertex_shift
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.constraints import Constraint

#: Numbers that a user derives from a net, by name.
Derived = Callable[[DRMNet], Mapping[str, float | Sequence[float]]]

# Step in seconds at which the largest value of a response is looked for; a parabola through it and
# its neighbours then gives the peak as a smooth function of the parameters.
PEAK_STEP_S = 0.05

# A response peaks after the activity.
PEAK_LIMITS = Constraint(lower=0.0)


class Quantities:
    """What intervals are given for, in their units and on a scale without limits.

    Intervals are made on the scale on which training moves a parameter
    (:class:`~drmbids.maths.estimation.constraints.Constraint`), so that they keep to its limits
    when they are taken back.

    Parameters
    ----------
    net : DRMNet
        Says which parameters there are: those that are trained, and the time to peak of each
        hemodynamic response that is not fixed.
    derived : callable, optional
        Further numbers of a net, by name, without limits.
    """

    def __init__(self, net: DRMNet, derived: Derived | None = None):
        self._derived = derived
        pairs = list(zip(net.parameter_rows(), limits_of(net), strict=True))
        self._trained = [k for k, (row, _) in enumerate(pairs) if row["trainable"]]
        n_peaks, n_rows = len(_peaks(net)), len(self._rows(net))
        self._limits = [pairs[k][1] for k in self._trained] + [PEAK_LIMITS] * n_peaks
        self._limits += [Constraint()] * (n_rows - len(self._limits))

    def table(self, net: DRMNet) -> pd.DataFrame:
        """Return one row for each quantity, in the columns of :meth:`DRMNet.parameter_rows`."""
        return pd.DataFrame(self._rows(net))

    def free(self, net: DRMNet) -> np.ndarray:
        """Return the quantities of a net on the scale without limits, shape (n_quantities,)."""
        pairs = zip(self._limits, (row["value"] for row in self._rows(net)), strict=True)
        return np.array([float(limits.inverse(_number(value))) for limits, value in pairs])

    def within_limits(self, free: np.ndarray) -> np.ndarray:
        """Return numbers on the scale without limits in the units of the quantities."""
        pairs = zip(self._limits, free, strict=True)
        return np.array([float(limits.forward(_number(number))) for limits, number in pairs])

    def _rows(self, net: DRMNet) -> list[dict[str, Any]]:
        rows = net.parameter_rows()
        chosen = [rows[k] for k in self._trained]
        for index, peak in enumerate(_peaks(net)):
            meaning = "time to peak of the hemodynamic response"
            chosen.append(_row("readout", "hrf.peak", index, peak, "s", meaning))
        for name, values in (self._derived(net) if self._derived else {}).items():
            for index, value in enumerate(np.atleast_1d(values)):
                chosen.append(_row("net", name, index, float(value), "1", "derived"))
        return chosen


def moved_by_training(net: DRMNet) -> list[nn.Parameter]:
    """Return all that training moves but the maps, which follow from it.

    Raises
    ------
    UsageError
        If there is nothing.
    """
    maps = {id(p) for p in net.readout.linear_parameters()}
    moved = [p for p in net.parameters() if p.requires_grad and id(p) not in maps]
    if not moved:
        raise UsageError("the model has no trained parameter beside its maps: no intervals to give")
    return moved


def _row(
    node: str, parameter: str, index: int, value: float, unit: str, meaning: str
) -> dict[str, Any]:
    return {
        "node": node,
        "parameter": parameter,
        "index": index,
        "value": value,
        "unit": unit,
        "trainable": True,
        "meaning": meaning,
        "source": "",
        "prior_mean": math.nan,
        "prior_sd": math.nan,
    }


def _number(value: float) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def limits_of(net: DRMNet) -> list[Constraint]:
    """Return the limits of each element of each parameter, in the order of the net's rows."""
    connections = [a.connection for line in net.afferents for a in line]
    return [
        Constraint(spec.lower, spec.upper)
        for node in (*net.population_list, net.readout, *connections)
        for part in node.modules()
        if isinstance(part, DRMNode)
        for name, spec in part.parameter_specs.items()
        for _ in range(part.value(name).numel())
    ]


@torch.no_grad()
def _peaks(net: DRMNet) -> list[float]:
    """Return the seconds to the peak of each response that training moves.

    A response of several basis functions is left out: the maps shape it, for every voxel anew.
    """
    readout = net.readout
    if not isinstance(readout, BOLD) or readout.hrf.features_per_unit > 1:
        return []
    if not any(p.requires_grad for p in readout.hrf.parameters()):
        return []
    lag = torch.arange(0.0, readout.hrf.length, PEAK_STEP_S).to(readout.bias)
    return [_peak(curve) for curve in readout.hrf(lag)[:, 0].double().cpu()]


def _peak(curve: Tensor) -> float:
    k = min(max(int(curve.argmax()), 1), len(curve) - 2)
    return PEAK_STEP_S * (k + vertex_shift(*curve[k - 1 : k + 2].tolist()))
