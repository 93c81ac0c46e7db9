"""Runs drawn from a net with known parameters: signal, drift, confounds and noise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from drmbids.core.exceptions import UsageError
from drmbids.core.nuisance import Nuisance, confounds_at
from drmbids.core.run import Run
from drmbids.core.stream import Stream
from drmbids.iterators.iterator import DRMIterator
from drmbids.net.net import DRMNet
from drmbids.net.readouts import only_readout


def simulate_runs(
    net: DRMNet,
    runs: Sequence[Run],
    *,
    noise: ArrayLike | None = None,
    snr: float | None = None,
    autocorrelation: float = 0.2,
    baseline: ArrayLike = 0.0,
    drift: ArrayLike = 0.0,
    confound_weights: ArrayLike | None = None,
    random_state: int | np.random.Generator = 0,
) -> list[Run]:
    """Draw the responses of runs from a net: what it predicts, plus drift, confounds and noise.

    Parameters
    ----------
    net : DRMNet
        With known parameters. Its regions and targets are those of the drawn responses.
    runs : sequence of Run
        Templates: their stimuli, confounds, measured times and entities are kept. Responses are
        replaced; a template may have none, then it is measured once each TR.
    noise : float or array of shape (n_targets,), optional
        Standard deviation of the noise in units of the response; 0 for none, 1 when neither it
        nor ``snr`` is given.
    snr : float, optional
        Instead of ``noise``: standard deviation of the signal over that of the noise, both as
        root mean squares over targets and runs. All targets get the same noise, so that targets
        of larger gain have the better ratio.
    autocorrelation : float
        Correlation of the noise from one volume to the next (first-order autoregression), from
        0 to below 1; 0.2 is what SPM takes for granted before it estimates (``AR(0.2)``).
    baseline : float or array of shape (n_targets,)
        Added to the series.
    drift : float or array of shape (n_targets,)
        Standard deviation of the weights of a linear and a quadratic drift that span -1 to 1 over
        a run, drawn anew for each run and target.
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
        If both ``noise`` and ``snr`` are given, or a value is out of range or of a wrong shape.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Events, Leaky
    >>> readout = BOLD(n_units=[1], n_targets=[3], regions=["V1"])
    >>> net = DRMNet([Leaky(1, 1)], [DRMConnection()], [[None]], readout, resolution=0.5)
    >>> template = Run({}, {"stimulus": Events([4.0], [2.0], ["0"])}, duration=40.0, tr=2.0)
    >>> simulate_runs(net, [template], noise=1.0)[0].responses["V1"].values.shape
    (20, 3)
    """
    if noise is not None and snr is not None:
        raise UsageError("give the size of the noise once: noise or snr, not both")
    if not 0 <= autocorrelation < 1:
        raise UsageError(f"autocorrelation must be from 0 to below 1, got {autocorrelation!r}")
    rng = np.random.default_rng(random_state)
    n_targets = sum(only_readout(net.readout, "simulate_runs").n_targets)
    signals = predict(net, runs)
    if snr is not None:
        noise = noise_for_snr(signals, snr)
    scale = _for_targets("noise", 1.0 if noise is None else noise, n_targets)
    level, slope = (
        _for_targets(name, value, n_targets)
        for name, value in (("baseline", baseline), ("drift", drift))
    )
    drawn = []
    for run, signal in zip(runs, signals, strict=True):
        times = run.measured_times()
        slow = Nuisance(order=2).drifts(times)[:, 1:]
        series = signal + level + slow @ (slope * rng.standard_normal((2, n_targets)))
        if confound_weights is not None:
            series = series + confound_series(run, times, np.asarray(confound_weights), n_targets)
        series = series + scale * autoregression(rng, series.shape, autocorrelation)
        drawn.append(_with_responses(run, net, times, series))
    return drawn


@torch.no_grad()
def predict(net: DRMNet, runs: Sequence[Run]) -> list[np.ndarray]:
    """Return what the net predicts for each run, arrays of shape (n_measured, n_targets)."""
    data = DRMIterator.from_runs(
        runs,
        net.resolution,
        stimuli=net.stimuli,
        responses=(),
        nuisance=Nuisance("none", confounds=False),
        device=str(next(net.parameters()).device),
    )
    found: dict[int, np.ndarray] = {}
    for item in data:
        carry = net.initial_carry(len(item["runs"]), item["runs"])
        prediction, _, _ = net.window(item["stimulus"], item["times"], item["confounds"], carry)
        for batch, run in enumerate(item["runs"]):
            found[run] = prediction[:, batch].cpu().double().numpy()
    return [found[k] for k in range(len(runs))]


def noise_for_snr(signals: Sequence[np.ndarray], snr: float) -> float:
    """Return the standard deviation of noise at which signals have a signal-to-noise ratio.

    Parameters
    ----------
    signals : sequence of array of shape (n_measured, n_targets)
        One for each run, without noise.
    snr : float
        Root mean square, over targets and runs, of the signal's standard deviation, over that of
        the noise.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If the ratio is not positive, or the signal never varies.
    """
    size = float(np.sqrt(np.mean([signal.var(0).mean() for signal in signals])))
    if not snr > 0 or size == 0:
        raise UsageError(f"need snr > 0 and a signal that varies, got snr={snr!r}, signal {size:g}")
    return size / snr


def autoregression(
    rng: np.random.Generator, shape: tuple[int, ...], autocorrelation: float
) -> np.ndarray:
    """Return stationary first-order autoregressive noise of standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Time first.
    autocorrelation : float
        At a lag of one sample.
    """
    innovations = rng.standard_normal(shape)
    # the first sample has the variance of the stationary process, so that none has to be discarded
    innovations[1:] *= np.sqrt(1 - autocorrelation**2)
    return lfilter([1.0], [1.0, -autocorrelation], innovations, axis=0)


def confound_series(run: Run, times: np.ndarray, weights: np.ndarray, n_targets: int) -> np.ndarray:
    """Return what the confounds of a run add to each target, shape (n_measured, n_targets)."""
    columns = confounds_at(run, times)
    if weights.shape != (columns.shape[1], n_targets):
        raise UsageError(
            f"{run.label}: confound_weights has shape {weights.shape}; "
            f"{columns.shape[1]} confounds and {n_targets} targets need "
            f"{(columns.shape[1], n_targets)}"
        )
    return columns @ weights


def _for_targets(name: str, value: ArrayLike, n_targets: int) -> np.ndarray:
    """Return a value for each target; a negative size or a wrong shape is refused."""
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (n_targets,)):
        raise UsageError(f"{name} has shape {array.shape}; give one number or {n_targets}")
    if name != "baseline" and (array < 0).any():
        raise UsageError(f"{name} is a standard deviation, got {array.min():g}")
    return np.broadcast_to(array, (n_targets,))


def _with_responses(run: Run, net: DRMNet, times: np.ndarray, series: np.ndarray) -> Run:
    """Return a template with the series as its responses, cut into the regions of the net."""
    readout = net.readout
    parts = np.split(series, np.cumsum(readout.n_targets)[:-1], axis=1)
    responses = {
        name: Stream(part, times) for name, part in zip(readout.regions, parts, strict=True)
    }
    return replace(run, responses=responses, space=None, sources=())
