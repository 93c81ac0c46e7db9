"""Runs as a net is fed with them."""

from collections.abc import Sequence

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run


def iterator_for(net: DRMNet, runs: Sequence[Run], cutoff: int | None, device: str) -> DRMIterator:
    """Return the iterator of runs that a net is trained with, or predicts.

    Parameters
    ----------
    net : DRMNet
    runs : sequence of Run
    cutoff : int or None
        Ticks that are in memory at once of stimuli in files; None for whole runs.
    device : str
    """
    readout = net.readout
    streamed = any(shown.in_file for run in runs for shown in run.stimuli.values())
    return DRMIterator.from_runs(
        runs,
        net.resolution,
        stimuli=net.stimuli,
        responses=readout.responses if isinstance(readout, Readouts) else readout.regions,
        nuisance=readout.nuisance,
        window=cutoff if streamed else None,
        device=device,
    )
