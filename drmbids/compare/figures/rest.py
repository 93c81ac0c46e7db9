"""Figures of a brain at rest, from a fitted WholeBrain and runs."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.utils.validation import check_is_fitted

from drmbids.compare.drawing.rest import connectivity, connectivity_dynamics, spectra
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.rest.whole_brain import WholeBrain
from drmbids.maths.signals.connectivity import connectivity_dynamics as dynamics_of
from drmbids.maths.signals.connectivity import windowed_connectivity


def plot_connectivity(brain: WholeBrain, runs: Sequence[Run]) -> Figure:
    """Draw measured functional connectivity beside that of a fitted brain, and pair by pair.

    Parameters
    ----------
    brain : WholeBrain
        Fitted.
    runs : sequence of Run
        Fitted or held out; the mean over runs is drawn.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a run lacks a region.

    Examples
    --------
    >>> from drmbids import Stream
    >>> from drmbids.plotting import plot_connectivity
    >>> rng = np.random.default_rng(0)
    >>> run = Run({"brain": Stream(rng.normal(size=(150, 3)), 2.0 * np.arange(150))}, tr=2.0)
    >>> weights = np.ones((3, 3)) - np.eye(3)
    >>> brain = WholeBrain(weights, n_starts=1, n_iterations=3).fit([run])
    >>> plot_connectivity(brain, [run]).axes[0].get_title(loc="left")
    'Measured'
    """
    check_is_fitted(brain)
    measured = np.mean(list(brain.measured(runs)), axis=0)
    model = np.mean(list(brain.predict(runs)), axis=0)
    return connectivity(measured, model, _names(runs[0], len(measured)))


def plot_spectra(brain: WholeBrain) -> Figure:
    """Draw the power of measured series over frequency, and that of the fitted brain.

    Parameters
    ----------
    brain : WholeBrain
        Fitted.

    Returns
    -------
    Figure
        Median over regions and the middle half of them.

    Examples
    --------
    >>> from drmbids import Stream
    >>> from drmbids.plotting import plot_spectra
    >>> rng = np.random.default_rng(0)
    >>> run = Run({"brain": Stream(rng.normal(size=(150, 3)), 2.0 * np.arange(150))}, tr=2.0)
    >>> weights = np.ones((3, 3)) - np.eye(3)
    >>> brain = WholeBrain(weights, n_starts=1, n_iterations=3).fit([run])
    >>> plot_spectra(brain).axes[0].get_xlabel()
    'Frequency (Hz)'
    """
    check_is_fitted(brain)
    frequencies, measured, fitted = brain.power()
    return spectra(frequencies, {"measured": measured, "model": fitted})


def plot_connectivity_dynamics(
    measured: Run,
    simulated: Run,
    window: float = 60.0,
    step: float | None = None,
    nuisance: Nuisance | None = None,
) -> Figure:
    """Draw how alike connectivity is at different times, measured and simulated.

    Parameters
    ----------
    measured, simulated : Run
        Evenly sampled, with the same regions; a fitted brain gives the second:
        ``brain.simulate(duration)``.
    window : float
        Seconds in which connectivity is taken.
    step : float, optional
        Seconds from one window to the next; a tenth of the window when absent.
    nuisance : Nuisance, optional
        What is taken out of both before; the default drift and confounds.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a run has no repetition time.
    UsageError
        If windows do not fit a run.

    Examples
    --------
    >>> from drmbids import Stream
    >>> from drmbids.plotting import plot_connectivity_dynamics
    >>> rng = np.random.default_rng(0)
    >>> one, other = (
    ...     Run({"brain": Stream(rng.normal(size=(150, 4)), 2.0 * np.arange(150))}, tr=2.0)
    ...     for _ in range(2)
    ... )
    >>> plot_connectivity_dynamics(one, other).axes[0].get_xlabel()
    'Time (s)'
    """
    nuisance = Nuisance() if nuisance is None else nuisance
    step = window / 10 if step is None else step
    found = [_dynamics(run, window, step, nuisance) for run in (measured, simulated)]
    (matrix, times), (other, _) = found
    return connectivity_dynamics(matrix, other, times, ("Measured", "Simulated"))


def _dynamics(
    run: Run, window: float, step: float, nuisance: Nuisance
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix of a run, and the middle of each window in seconds."""
    if run.tr is None:
        raise DataError(f"{run.label}: no repetition time, so windows have no length in samples")
    times = run.measured_times()
    values = np.concatenate([stream.values for stream in run.responses.values()], axis=1)
    there = torch.as_tensor(np.isfinite(values))[:, None]
    clean = torch.as_tensor(np.nan_to_num(project_out(nuisance.basis(run, times), values)))[:, None]
    length, hop = max(3, round(window / run.tr)), max(1, round(step / run.tr))
    windowed = windowed_connectivity(clean, length, hop, there)
    middles = times[0] + run.tr * (hop * np.arange(len(windowed)) + length / 2)
    return dynamics_of(windowed)[0].numpy(), middles


def _names(run: Run, n: int) -> list[str] | None:
    names = [str(column) for stream in run.responses.values() for column in stream.columns]
    return names if len(names) == n else None
