"""What the engine must equal: a loop over ticks, and a sum over ticks for every measured time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from drmbids.net.engine import Afferent
from drmbids.net.net import DRMNet


def naive_activity(net: DRMNet, stimulus: Sequence[Tensor]) -> list[Tensor]:
    """Return the activity of a net from silence, one population and tick at a time.

    Parameters
    ----------
    net : DRMNet
    stimulus : sequence of Tensor of shape (n_ticks, batch, n_columns)
        One for each stimulus.

    Returns
    -------
    list of Tensor of shape (n_ticks, batch, n_units)
    """
    n_ticks, batch = stimulus[0].shape[:2]
    series: list[list[Tensor]] = [[] for _ in net.population_list]
    states = [p.initial_state(batch) for p in net.population_list]

    def arriving(a: Afferent, t: int) -> Tensor | None:
        source = stimulus[a.source] if a.is_stimulus else series[a.source]
        if t < a.ticks:
            units = len(net.stimuli[net.stimulus_names[a.source]]) if a.is_stimulus else None
            width = net.population_list[a.source].n_units if units is None else units
            return a.connection(stimulus[0].new_zeros(1, batch, width))
        return a.connection(source[t - a.ticks][None]) if t - a.ticks < len(source) else None

    for t in range(n_ticks):
        waiting = list(range(len(series)))
        while waiting:  # a population whose source without delay is not there yet goes to the end
            node = waiting.pop(0)
            inputs = [arriving(a, t) for a in net.afferents[node]]
            if any(x is None for x in inputs):
                waiting.append(node)
                continue
            activity, states[node] = net.population_list[node](inputs, states[node])
            series[node].append(activity[0])
    return [torch.stack(s) for s in series]


def naive_prediction(net: DRMNet, activity: Sequence[Tensor], times: Tensor) -> Tensor:
    """Return the prediction of a BOLD readout by the sum over ticks, time by time.

    Parameters
    ----------
    net : DRMNet
        With a :class:`~drmbids.BOLD` readout.
    activity : sequence of Tensor of shape (n_ticks, batch, n_units)
        From :func:`naive_activity`.
    times : Tensor of shape (n_measured,)
        Seconds.

    Returns
    -------
    Tensor of shape (n_measured, batch, n_targets)
    """
    readout, rows = net.readout, []
    middles = (torch.arange(len(activity[0])) + 0.5) * net.resolution
    for time in times:
        response = readout.hrf((time - middles).to(activity[0])) * net.resolution
        regions = []
        for k, (sources, weights) in enumerate(zip(readout.sources, readout.weights, strict=True)):
            h = response[k if len(response) > 1 else 0]
            seen = torch.cat([torch.einsum("t,tbn->bn", h, activity[s]) for s in sources], -1)
            regions.append(seen @ weights)
        rows.append(torch.cat(regions, -1) + readout.bias)
    return torch.stack(rows)
