"""Runs drawn from a net with known parameters: signal, drift, confounds and noise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts, by_name
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.simulation.noise import OF_NOISE, draws_itself, variation_of
from drmbids.data.iterators.item import part_of
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import UsageError


def simulate_runs(
    net: DRMNet,
    runs: Sequence[Run],
    *,
    noise: ArrayLike | Mapping[str, ArrayLike] | None = None,
    snr: float | Mapping[str, float] | None = None,
    autocorrelation: float | Mapping[str, float] | None = None,
    baseline: ArrayLike | Mapping[str, ArrayLike] = 0.0,
    drift: ArrayLike | Mapping[str, ArrayLike] = 0.0,
    confound_weights: ArrayLike | Mapping[str, ArrayLike] | None = None,
    random_state: int | np.random.Generator = 0,
) -> list[Run]:
    """Draw the responses of runs from a net, as its readouts say that measurements vary.

    Spike counts come from the Poisson distribution, or the negative binomial one where that is the
    readout's loss (``readout.objective = NegativeBinomial()``); choices are drawn by the
    probabilities of their classes. All else is what the net predicts plus Gaussian noise of a
    stated size, so that reaction times, whose logarithms are measured, are log-normal.

    Parameters
    ----------
    net : DRMNet
        With known parameters. Its regions and targets are those of the drawn responses.
    runs : sequence of Run
        Templates: their stimuli, confounds, measured times and entities are kept. Responses are
        replaced; a template may have none, then it is measured once each TR. Of several readouts, a
        template may lack all regions of some: these are not measured in it.
    noise : float or array of shape (n_targets,), optional
        Standard deviation of Gaussian noise in units of the response; 0 for none, 1 when neither it
        nor ``snr`` is given.
    snr : float, optional
        Instead of ``noise``: standard deviation of the signal over that of the noise, both as
        root mean squares over targets and runs. All targets get the same noise, so that targets
        of larger gain have the better ratio.
    autocorrelation : float, optional
        Correlation of Gaussian noise from one sample to the next (first-order autoregression), from
        0 to below 1. Default: 0.2 for BOLD, which is what SPM takes for granted before it estimates
        (``AR(0.2)``), else 0.
    baseline : float or array of shape (n_targets,)
        Added to what is predicted: of counts the logarithms of what is expected, of choices log
        odds.
    drift : float or array of shape (n_targets,)
        Standard deviation of the weights of a linear and a quadratic drift that span -1 to 1 over
        a run, drawn anew for each run and target; added like the baseline.
    confound_weights : array of shape (n_confounds, n_targets), optional
        Weights of the centred confound columns, the same in all runs; none when absent.
    random_state : int or numpy.random.Generator
        The same seed gives the same runs.

    Returns
    -------
    list of Run
        One for each template.

    Raises
    ------
    UsageError
        If both ``noise`` and ``snr`` are given, a value is out of range or of a wrong shape, or
        noise is stated where no readout has Gaussian noise.

    Notes
    -----
    With several readouts each option but ``random_state`` may be a mapping by the name of the
    readout; a plain value is for all readouts with Gaussian noise.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Events, Leaky
    >>> readout = BOLD(n_units=[1], n_targets=[3], regions=["V1"])
    >>> net = DRMNet([Leaky(1, 1)], [DRMConnection()], [[None]], readout, resolution=0.5)
    >>> template = Run({}, {"stimulus": Events([4.0], [2.0], ["0"])}, duration=40.0, tr=2.0)
    >>> simulate_runs(net, [template], noise=1.0)[0].responses["V1"].values.shape
    (20, 3)
    """
    rng = np.random.default_rng(random_state)
    given = {
        "noise": noise,
        "snr": snr,
        "autocorrelation": autocorrelation,
        "baseline": baseline,
        "drift": drift,
        "confound_weights": confound_weights,
    }
    readouts = by_name(net.readout)
    options = _by_readout(given, readouts)
    templates = [_measured(run, readouts) for run in runs]
    found = _signals(net, templates)
    variations = {
        name: variation_of(readout, found[name], options[name], name)
        for name, readout in readouts.items()
    }
    drawn = []
    for k, (run, template) in enumerate(zip(runs, templates, strict=True)):
        responses: dict[str, Stream] = {}
        for name, readout in readouts.items():
            if readout.regions[0] not in template.responses:
                continue
            times = template.responses[readout.regions[0]].times
            series = variations[name].draw(run, times, found[name][k], rng)
            responses |= _streams(run, readout, times, series)
        drawn.append(replace(run, responses=responses, space=None, sources=()))
    return drawn


def predict(net: DRMNet, runs: Sequence[Run]) -> list[Any]:
    """Return what the net predicts for each run, arrays of shape (n_measured, n_targets).

    With several readouts a dict of one for each.

    Parameters
    ----------
    net : DRMNet
    runs : sequence of Run
        Templates, as for :func:`simulate_runs`.
    """
    readouts = by_name(net.readout)
    found = _signals(net, [_measured(run, readouts) for run in runs])
    if not isinstance(net.readout, Readouts):
        return found[ONLY]
    return [{name: found[name][k] for name in found} for k in range(len(runs))]


@torch.no_grad()
def _signals(net: DRMNet, templates: Sequence[Run]) -> dict[str, list[np.ndarray]]:
    """Return what is predicted of each readout for each run; of no row where it is not measured."""
    several = isinstance(net.readout, Readouts)
    plain = Nuisance("none", confounds=False)
    data = DRMIterator.from_runs(
        templates,
        net.resolution,
        stimuli=net.stimuli,
        responses=net.readout.responses if isinstance(net.readout, Readouts) else (),
        nuisance=dict.fromkeys(by_name(net.readout), plain) if several else plain,
        device=str(next(net.parameters()).device),
    )
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in by_name(net.readout)}
    for item in data:
        parts = {name: part_of(item, name) for name in found}
        times, confounds = (
            {n: p[key] for n, p in parts.items()} if several else item[key]
            for key in ("times", "confounds")
        )
        carry = net.initial_carry(len(item["runs"]), item["runs"])
        prediction, _, _ = net.window(item["stimulus"], times, confounds, carry)
        for name, own in found.items():
            shown = prediction[name] if several else prediction
            for batch, run in enumerate(item["runs"]):
                own[run] = shown[:, batch].cpu().double().numpy()
    return {name: [own[k] for k in range(len(templates))] for name, own in found.items()}


def _by_readout(
    given: Mapping[str, Any], readouts: Mapping[str, DRMReadout]
) -> dict[str, dict[str, Any]]:
    """Return the options of each readout."""
    found: dict[str, dict[str, Any]] = {name: {} for name in readouts}
    plain = [n for n, part in readouts.items() if n == ONLY or not draws_itself(part)]
    for option, value in given.items():
        if isinstance(value, Mapping):
            unknown = [name for name in value if name not in readouts or name == ONLY]
            if unknown:
                there = [name for name in readouts if name] or "one readout, give a plain value"
                raise UsageError(f"{option} of {unknown}, the model has {there}")
            for name, own in value.items():
                found[name][option] = own
            continue
        if value is not None and option in OF_NOISE and not plain:
            raise UsageError(
                f"{option}: all readouts of the model are drawn from distributions that have "
                "their own noise; leave it out"
            )
        for name in plain:
            found[name][option] = value
    return found


def _measured(run: Run, readouts: Mapping[str, DRMReadout]) -> Run:
    """Return a template with zeros where it is measured, for each region of the readouts."""
    responses = {}
    for readout in readouts.values():
        there = [region for region in readout.regions if region in run.responses]
        if not there and len(readouts) > 1 and run.responses:
            continue
        times = run.measured_times(there)
        responses |= {
            region: Stream(np.zeros((len(times), 1)), times) for region in readout.regions
        }
    return replace(run, responses=responses, space=None)


def _streams(
    run: Run, readout: DRMReadout, times: np.ndarray, series: np.ndarray
) -> dict[str, Stream]:
    """Return series as the responses of a readout, named like those of the template."""
    parts = np.split(series, np.cumsum(readout.n_targets)[:-1], axis=1)
    found = {}
    for region, part in zip(readout.regions, parts, strict=True):
        like = run.responses.get(region)
        same = like is not None and len(like.columns) == part.shape[1]
        columns, unit = (like.columns, like.unit) if like is not None and same else ((), "1")
        found[region] = Stream(part, times, columns, unit)
    return found
