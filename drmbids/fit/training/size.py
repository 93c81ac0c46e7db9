"""What can be known of a training before data are prepared: memory, and delays."""

from collections.abc import Sequence

import torch

from drmbids.brain.net.net import DRMNet
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError
from drmbids.data.tools.memory import memory_limit, readable

# The fewest bytes that training was measured to take (resolutions from 0.5 to 10 ms, 1 to 32 leaky
# or gated units, with loops and without: 77 to 108 for each unit, 49 for each response): of each
# tick of a run for each column of stimuli (float64 and float32) and, within the window that
# gradients flow back, for each unit; and of each tick and measurement within the window for the
# matrix of hemodynamic responses.
_STIMULUS, _UNIT, _RESPONSE = 12, 72, 40


def training_bytes(net: DRMNet, runs: Sequence[Run], cutoff: int | None = None) -> int:
    """Return how many bytes it takes at least to train a net on runs.

    Parameters
    ----------
    net : DRMNet
    runs : sequence of Run
    cutoff : int, optional
        Ticks that gradients flow back; whole runs when absent.
    """
    seconds = [run.duration or 0.0 for run in runs]
    window = max(seconds, default=0.0)
    if cutoff is not None:
        window = min(window, cutoff * net.resolution)
    ticks = window / net.resolution
    columns = sum(map(len, net.stimuli.values()))
    units = sum(population.n_units for population in net.population_list)
    needed = _STIMULUS * columns * sum(seconds) / net.resolution
    needed += _UNIT * units * ticks * len(runs)
    if isinstance(net.readout, BOLD):
        steps = [run.tr for run in runs if run.tr is not None]
        needed += _RESPONSE * ticks * (window / min(steps, default=window or 1.0))
    return round(needed)


def check_training(
    net: DRMNet, runs: Sequence[Run], cutoff: int | None = None, device: str = "cpu"
) -> None:
    """Raise for what would make training fail, or its result mean nothing.

    Parameters
    ----------
    net, runs, cutoff, device
        See :func:`check_size`.

    Raises
    ------
    ModelError
        If a delay is longer than the runs, or memory does not suffice.
    """
    check_delays(net, runs)
    check_size(net, runs, cutoff, device)


def check_delays(net: DRMNet, runs: Sequence[Run]) -> None:
    """Raise for delays after which nothing arrives within any run.

    Parameters
    ----------
    net : DRMNet
    runs : sequence of Run

    Raises
    ------
    ModelError
        Listing every one.
    """
    longest = max((run.duration or 0.0 for run in runs), default=0.0)
    found = [f"{row['source']} -> {row['target']}" for row in net.connection_rows()]
    afferents = [a for line in net.afferents for a in line]
    late = [
        f"{label}: a delay of {connection.delay:g} s, and the longest run lasts {longest:g} s; "
        "shorten it"
        for label, a in zip(found, afferents, strict=True)
        for connection in (a.connection, *(gate.connection for gate in a.gates))
        if connection.delay >= longest > 0
    ]
    if late:
        raise ModelError(late)


def check_size(
    net: DRMNet, runs: Sequence[Run], cutoff: int | None = None, device: str = "cpu"
) -> None:
    """Raise if a net cannot be trained on runs in the memory there is.

    Parameters
    ----------
    net, runs, cutoff
        See :func:`training_bytes`.
    device : str
        Where it is trained.

    Raises
    ------
    ModelError
        With what it needs, and what there is.
    """
    limit, where = memory_limit(), "this machine"
    if torch.device(device).type == "cuda":
        limit, where = torch.cuda.mem_get_info(device)[1], device
    needed = training_bytes(net, runs, cutoff)
    if limit is None or needed <= limit:
        return
    ticks = round(max(run.duration or 0.0 for run in runs) / net.resolution)
    units = sum(population.n_units for population in net.population_list)
    raise ModelError(
        f"{len(runs)} runs of up to {ticks} ticks ({net.resolution:g} s each) and {units} units "
        f"need {readable(needed)} of memory or more to be trained, and {where} has "
        f"{readable(limit)}; use a larger resolution_s, fewer units or a shorter window_s"
    )
