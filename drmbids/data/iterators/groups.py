"""Runs with the same ticks and measured times, side by side as tensors."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drmbids.data.iterators.streamed import StreamedStimulus, some_runs
from drmbids.data.runs.align import ONLY, AlignedRun, Measured, StimulusTicks
from drmbids.data.tools.exceptions import UsageError


@dataclass(frozen=True, eq=False)
class Columns:
    """What one readout measured in the runs of a group.

    Parameters
    ----------
    times : array of shape (n_measured,)
        Seconds.
    response : Tensor of shape (n_measured, batch, n_targets)
    confounds : Tensor of shape (n_measured, batch, n_confounds)
    nuisance : list of Tensor of shape (n_measured, rank)
        One for each run.
    weight : Tensor of shape (n_measured, batch, n_targets) or (n_measured, batch, 1) or None
        How much each element counts.
    """

    times: np.ndarray
    response: Tensor
    confounds: Tensor
    nuisance: list[Tensor]
    weight: Tensor | None

    def some(self, where: slice) -> "Columns":
        """Return some of the runs; nothing is copied."""
        return replace(
            self,
            response=self.response[:, where],
            confounds=self.confounds[:, where],
            nuisance=self.nuisance[where],
            weight=None if self.weight is None else self.weight[:, where],
        )

    def as_item(self) -> dict[str, Any]:
        """Return what an item says of the readout."""
        return {
            "times": torch.tensor(self.times),
            "response": self.response,
            "confounds": self.confounds,
            "nuisance": self.nuisance,
            "weight": self.weight,
        }


@dataclass(frozen=True, eq=False)
class Group:
    """Runs with the same ticks and measured times, side by side.

    Parameters
    ----------
    number : int
    runs : tuple of int
        Their numbers in the data.
    stimuli : sequence of Tensor or StreamedStimulus, (n_ticks, batch, n_columns)
    measured : mapping of str to Columns
        By the name of the readout.
    n_items : int
        Items that are made of it.
    """

    number: int
    runs: tuple[int, ...]
    stimuli: Sequence[Tensor | StreamedStimulus]
    measured: Mapping[str, Columns]
    n_items: int = 0

    def some(self, where: slice) -> "Group":
        """Return some of the runs; nothing is copied."""
        return replace(
            self,
            runs=self.runs[where],
            stimuli=[some_runs(s, where) for s in self.stimuli],
            measured={name: columns.some(where) for name, columns in self.measured.items()},
        )

    def columns(self) -> dict[str, Any]:
        """Return what an item says of what was measured."""
        if ONLY in self.measured:
            return self.measured[ONLY].as_item()
        return {"readouts": {name: part.as_item() for name, part in self.measured.items()}}


def group_times(measured: Mapping[str, Measured] | Mapping[str, Columns]) -> Hashable:
    """Return the measured times of all readouts, equal for runs that can be side by side."""
    # to the microsecond: times of a piece or run carry the rounding of a subtraction
    return tuple((name, tuple(np.round(part.times, 6))) for name, part in measured.items())


def group_runs(
    aligned: Sequence[AlignedRun],
    number: int,
    members: Sequence[int],
    device: torch.device,
    weights: Mapping[str, Sequence[np.ndarray]],
) -> Group:
    """Return some of the runs side by side.

    Parameters
    ----------
    aligned : sequence of AlignedRun
        All runs of the data.
    number : int
        Of the group.
    members : sequence of int
        Which of the runs; of the same ticks and measured times.
    device : torch.device
    weights : mapping of str to sequence of array
        For each readout those of all runs; empty where there are none.
    """
    runs = [aligned[k] for k in members]

    def shown(ticks: Sequence[StimulusTicks | np.ndarray]) -> Tensor | StreamedStimulus:
        if any(isinstance(run, StimulusTicks) for run in ticks):
            return StreamedStimulus(ticks)
        return _side_by_side(ticks, device)

    return Group(
        number,
        tuple(members),
        [shown(s) for s in zip(*(r.stimuli for r in runs), strict=True)],
        {
            name: _columns(
                [r.measured[name] for r in runs],
                [r.measured[name] for r in aligned],
                device,
                [weights[name][k] for k in members] if weights[name] else [],
            )
            for name in runs[0].measured
        },
    )


def _columns(
    runs: Sequence[Measured],
    every: Sequence[Measured],
    device: torch.device,
    weights: Sequence[np.ndarray],
) -> Columns:
    n = len(runs[0].times)
    # a run that lacks what one of several readouts measures has no sample of as many targets
    among = every if n == 0 else runs
    widths = {r.response.shape[1] for r in among if r.response is not None}
    if len(widths) > 1:
        raise UsageError(f"runs have different numbers of targets: {sorted(widths)}")
    width = widths.pop() if widths else 0
    blank = np.full((n, width), np.nan)
    return Columns(
        runs[0].times,
        _side_by_side([blank if r.response is None else r.response for r in runs], device),
        _side_by_side([r.confounds for r in runs], device)
        if len({r.confounds.shape[1] for r in runs}) == 1
        else torch.zeros(n, len(runs), 0, device=device),
        [torch.as_tensor(r.nuisance, dtype=torch.get_default_dtype(), device=device) for r in runs],
        _side_by_side(weights, device) if len(weights) else None,
    )


def _side_by_side(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    stacked = torch.as_tensor(np.stack(arrays, axis=1), dtype=torch.get_default_dtype())
    return stacked.to(device)
