"""What a resting-state fit sees of runs: their cross-spectra in a band."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.maths.signals.spectra import Segments, cross_spectra, segments


class BandSpectra(NamedTuple):
    """Cross-spectra of one or more stretches of data.

    Parameters
    ----------
    frequencies : Tensor of shape (n_frequencies,)
        Hz, those of the band.
    values : Tensor of shape (n_frequencies, n, n), complex
    n_samples : float
        Segments that would lie side by side in the data: independent samples of each frequency.
    step : float
        Seconds from one sample to the next.
    segment : float
        Seconds.
    """

    frequencies: Tensor
    values: Tensor
    n_samples: float
    step: float
    segment: float


def rest_series(run: Run, nuisance: Nuisance) -> tuple[np.ndarray, float]:
    """Return the series of all regions of a run side by side, and its time step.

    Parameters
    ----------
    run : Run
        Evenly sampled.
    nuisance : Nuisance
        Taken out.

    Returns
    -------
    series : array of shape (n_measured, n_regions)
        NaN where missing; each of standard deviation 1.
    step : float
        Seconds.

    Raises
    ------
    DataError
        If the samples are not evenly spaced, or a series is constant.
    """
    if not run.responses:
        raise DataError(f"{run.label}: no responses to see resting-state statistics of")
    times = run.measured_times()
    steps = np.diff(times)
    if not len(steps) or np.ptp(steps) > 1e-3 * steps.mean():
        raise DataError(
            f"{run.label}: samples every {steps.min(initial=0):g} to {steps.max(initial=0):g} s; "
            "spectra need even ones (fill gaps with NaN)"
        )
    values = np.concatenate([s.values for s in run.responses.values()], axis=1).astype(float)
    series = project_out(nuisance.basis(run, times), values)
    spread = np.nanstd(series, axis=0)
    flat = ~(spread > 1e-9 * np.abs(values).max(initial=0.0, where=np.isfinite(values)))
    if flat.any():
        raise DataError(
            f"{run.label}: series {int(np.flatnonzero(flat)[0])} of {len(flat)} is constant or "
            "missing; leave it out"
        )
    return series / spread, float(steps.mean())


def run_segments(
    runs: Sequence[Run], nuisance: Nuisance, segment: float
) -> tuple[list[Segments], int]:
    """Return the tapered segments of each run, and the samples in one.

    Parameters
    ----------
    runs : sequence of Run
        Of one time step.
    nuisance : Nuisance
    segment : float
        Seconds, shortened to half of the shortest run.

    Returns
    -------
    list of Segments
    int

    Raises
    ------
    DataError
        If runs have different time steps or numbers of regions.
    """
    found = [rest_series(run, nuisance) for run in runs]
    kinds = {(series.shape[1], round(step, 6)) for series, step in found}
    if len(kinds) > 1:
        raise DataError(f"runs differ in number of regions or time step (s): {sorted(kinds)}")
    step = found[0][1]
    shortest = min(len(series) for series, _ in found)
    length = 2 * min(round(segment / step / 2), shortest // 4)
    parts = []
    for series, _ in found:
        there = torch.from_numpy(np.isfinite(series))[:, None]
        values = torch.from_numpy(np.nan_to_num(series))[:, None]
        parts.append(segments(values, step, length, there))
    return parts, length


def band_spectra(
    parts: Sequence[Segments], length: int, band: tuple[float, float], kept: Sequence[np.ndarray]
) -> BandSpectra:
    """Return the mean cross-spectra of segments.

    Parameters
    ----------
    parts : sequence of Segments
        One for each run.
    length : int
        Samples in a segment.
    band : tuple of float
        Lowest and highest frequency in Hz; bins below one and a half over the segment length are
        left out, as the mean of each segment is.
    kept : sequence of array of int
        Segments of each run to use.

    Returns
    -------
    BandSpectra

    Raises
    ------
    UsageError
        If fewer than two frequencies are in the band.
    """
    step = parts[0].step
    low = max(band[0], 1.5 / (length * step))
    total: Tensor | float = 0.0
    n_samples = 0.0
    for part, which in zip(parts, kept, strict=True):
        if not len(which):
            continue
        index = torch.as_tensor(which)
        some = Segments(part.frequencies, part.values[:, index], part.weights[:, index], step)
        # half-overlapping segments that follow each other are worth (n + 1) / 2
        worth = (len(which) + 1) / 2
        total = total + worth * cross_spectra(some, low, band[1])[:, 0]
        n_samples += worth
    frequencies = parts[0].frequencies
    frequencies = frequencies[(frequencies >= low) & (frequencies <= band[1])]
    if len(frequencies) < 2 or not isinstance(total, Tensor):
        raise UsageError(
            f"{len(frequencies)} frequencies from {low:g} to {band[1]:g} Hz with segments of "
            f"{length * step:g} s; take longer segments or a wider band"
        )
    return BandSpectra(frequencies, total / n_samples, n_samples, step, length * step)


def whole_spectra(
    runs: Sequence[Run], nuisance: Nuisance, segment: float, band: tuple[float, float]
) -> BandSpectra:
    """Return the mean cross-spectra of all segments of runs.

    Parameters
    ----------
    runs, nuisance, segment
        As for :func:`run_segments`.
    band : tuple of float
        As for :func:`band_spectra`.
    """
    parts, length = run_segments(runs, nuisance, segment)
    return band_spectra(parts, length, band, [np.arange(p.values.shape[1]) for p in parts])
