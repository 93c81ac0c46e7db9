"""How measurements vary about what a net predicts: their own distribution, or stated noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.readouts import loss_of
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.nuisance import Nuisance, confounds_at
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError

#: Correlation of the noise of BOLD from one volume to the next, what SPM takes for granted before
#: it estimates (``AR(0.2)``). Noise of other measurements is white by default, as training takes
#: it.
BOLD_AUTOCORRELATION = 0.2

#: Options of Gaussian noise alone.
OF_NOISE = ("noise", "snr", "autocorrelation")


@dataclass(frozen=True, eq=False)
class Variation:
    """How the measurements of one readout vary about what a net predicts.

    Parameters
    ----------
    loss : DRMLoss or None
        Draws the measurements; None for Gaussian noise.
    scale : array of shape (n_targets,)
        Standard deviation of Gaussian noise.
    autocorrelation : float
        Of that noise, from one sample to the next.
    level, slope : array of shape (n_targets,)
        Baseline, and the standard deviation of the weights of drifts.
    confound_weights : array of shape (n_confounds, n_targets), optional
    """

    loss: DRMLoss | None
    scale: np.ndarray
    autocorrelation: float
    level: np.ndarray
    slope: np.ndarray
    confound_weights: np.ndarray | None

    def draw(
        self, run: Run, times: np.ndarray, signal: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return what is measured in a run, shape (n_measured, n_targets).

        Parameters
        ----------
        run : Run
            With its confounds.
        times : array of shape (n_measured,)
            Seconds.
        signal : array of shape (n_measured, n_targets)
            What the net predicts.
        rng : numpy.random.Generator
        """
        slow = Nuisance(order=2).drifts(times)[:, 1:]
        series = signal + self.level
        series += slow @ (self.slope * rng.standard_normal((2, signal.shape[1])))
        if self.confound_weights is not None:
            series += confound_series(run, times, self.confound_weights, signal.shape[1])
        if self.loss is not None:
            return self.loss.draw(torch.from_numpy(series), rng).numpy()
        return series + self.scale * autoregression(rng, series.shape, self.autocorrelation)


def variation_of(
    readout: DRMReadout,
    signals: Sequence[np.ndarray],
    options: Mapping[str, Any],
    name: str = "",
) -> Variation:
    """Return how the measurements of a readout vary.

    Parameters
    ----------
    readout : DRMReadout
        Its loss says whether they have a distribution of their own.
    signals : sequence of array of shape (n_measured, n_targets)
        What is predicted for each run.
    options : mapping
        Those of :func:`~drmbids.simulate_runs` that are given.
    name : str
        Of the readout, for messages.

    Raises
    ------
    UsageError
        If a value is out of range, of a wrong shape, or of no use to this readout.
    """
    where = f"readout {name!r}: " if name else ""
    n_targets, loss = sum(readout.n_targets), loss_of(readout)
    own = draws_itself(readout)
    given = [option for option in OF_NOISE if options.get(option) is not None]
    if own and given:
        raise UsageError(
            f"{where}{type(readout).__name__} is drawn from the distribution of "
            f"{type(loss).__name__}, which has its own noise; leave out {', '.join(given)}"
        )
    noise, snr = options.get("noise"), options.get("snr")
    if noise is not None and snr is not None:
        raise UsageError(f"{where}give the size of the noise once: noise or snr, not both")
    if snr is not None:
        noise = noise_for_snr(signals, snr)
    default = BOLD_AUTOCORRELATION if readout.measures == "bold" else 0.0
    correlation = options.get("autocorrelation")
    correlation = default if correlation is None else correlation
    if not 0 <= correlation < 1:
        raise UsageError(f"{where}autocorrelation must be from 0 to below 1, got {correlation!r}")
    scale, level, slope = (
        _for_targets(where + option, value, n_targets)
        for option, value in (
            ("noise", 1.0 if noise is None else noise),
            ("baseline", options.get("baseline", 0.0)),
            ("drift", options.get("drift", 0.0)),
        )
    )
    weights = options.get("confound_weights")
    weights = None if weights is None else np.asarray(weights)
    return Variation(loss if own else None, scale, correlation, level, slope, weights)


def draws_itself(readout: DRMReadout) -> bool:
    """Return whether predictions of a readout are distributions, as those of counts and choices."""
    loss = loss_of(readout)
    return isinstance(loss, DRMLoss) and loss.draws


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
    sizes = [signal.var(0).mean() for signal in signals if len(signal)]
    size = float(np.sqrt(np.mean(sizes))) if sizes else 0.0
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
    if not name.endswith("baseline") and (array < 0).any():
        raise UsageError(f"{name} is a standard deviation, got {array.min():g}")
    return np.broadcast_to(array, (n_targets,))
