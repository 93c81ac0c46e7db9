"""Whether other onsets, durations or amplitudes of the events explain held-out data better.

A wrong onset, duration or amplitude hurts a linear model with an assumed hemodynamic response, and
a model that learns the response much less: the latter then looks better for no good reason. So the
linear model is fitted to the events as they are stated and as they may have been meant, and each
time predicts data that were held out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from drmbids.compare.timing.designs import (
    PEAKS,
    RESPONSES,
    STATED,
    Setting,
    designs_of,
    possible_settings,
)
from drmbids.compare.timing.errors import (
    LEVEL,
    ROWS_PER_REGRESSOR,
    Errors,
    audit_folds,
)
from drmbids.data.runs.freedom import nothing_left
from drmbids.data.runs.nuisance import RANK_TOLERANCE, Nuisance, given_nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import as_runs, match_targets
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.baselines.design import BASE_PEAK, HRF
from drmbids.fit.estimators.contents import find_regions

#: A gain of this much R2 is warned of even where the best shift is the largest one.
LARGE_GAIN = 0.2

#: Targets that are looked at, spread over all, and regressors.
MOST_TARGETS, MOST_REGRESSORS = 1000, 40

#: Columns of the table.
COLUMNS = ("setting", "value", "r2", "gain", "gain_se", "p", "finding", "severity")

# Stretches of held-out data whose spread is known well enough to be tested.
_LEAST_STRETCHES = 4


class _Run(NamedTuple):
    """What was measured of a run."""

    times: np.ndarray  # shape: (n_rows,)
    values: np.ndarray  # shape: (n_rows, n_targets)
    basis: np.ndarray  # nuisance, shape: (n_rows, rank)


def timing_audit(
    runs: Sequence[Run],
    hrf_model: str | HRF | Sequence[HRF] = "glover",
    nuisance: Nuisance | None = None,
    shifts: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Compare events as they are stated with events as they may have been meant.

    A linear model with an assumed hemodynamic response predicts held-out data with the onsets
    shifted, with durations of 0, a thousandth and a thousand times as long, and with amplitudes of
    1. Runs are held out, in ten groups at most; of a single run five blocks, with the length of a
    hemodynamic response on either side left out of training.

    One of these settings is found to be better only if its gain in held-out R2 is large, .005 and
    a tenth of what it reaches, and larger than chance makes it: the logarithms of errors in
    stretches of 32 s are compared, with a standard error that allows for folds sharing training
    data, at .01 for all settings together.

    Other hemodynamics can do what other onsets or durations do. So for the stated events responses
    with peaks from 4 to 6.5 s are fitted too. What is found may be hemodynamics unless it is
    clearly better than all of these, and a shift is larger than their differences from the assumed
    peak of 5 s. It is a note, not a warning, where one of them does as well; and where larger
    shifts do as well, up to the largest one, unless the gain is .2 or more.

    Targets count by what the model explains of them in training. Of more than 1,000 targets, 1,000
    are looked at; more than 40 conditions, or one for every 20 volumes, are taken together.

    Parameters
    ----------
    runs : sequence of Run
        One or more. Weights of samples do not count here.
    hrf_model : str, callable or sequence of callable
        As in :class:`~drmbids.GLMBaseline`, but not ``"fir"``, which assumes no time.
    nuisance : Nuisance, optional
        Taken out of data and regressors of each run; ``Nuisance()`` when absent.
    shifts : sequence of float, optional
        Seconds by which events come later; from 1.25 TR earlier to 1.25 TR later in steps of a
        quarter of a TR when absent.

    Returns
    -------
    DataFrame
        One row for each setting, the stated events first. ``setting`` and ``value``: ``onsets``
        (seconds later than stated), ``durations`` (factor), ``amplitudes`` (1), ``peak`` (seconds
        to peak of the best hemodynamic response for the stated events, where other onsets or
        durations are better); ``r2`` (held out), ``gain`` (over the stated events), ``gain_se``,
        ``p`` (one-sided, for one setting). For the best setting, if that is clearly better,
        ``finding`` is its name, followed by ``or hemodynamics`` where it may be that, and
        ``severity`` is ``warning``, or ``note`` where hemodynamics explain it as well; both are
        empty in all other rows. No rows where there is no stimulus, or too little data to tell.

    Raises
    ------
    UsageError
        If there is no run, or the model is ``"fir"``.
    DataError
        If runs lack responses or differ in their regions.

    References
    ----------
    Nadeau and Bengio 2003, Machine Learning 52:239-281 (standard error).

    Examples
    --------
    >>> from dataclasses import replace
    >>> from drmbids import Events, Run, Stream, timing_audit
    >>> from drmbids.fit.baselines.design import convolve
    >>> rng, runs, times = np.random.default_rng(0), [], 3.0 * np.arange(100)
    >>> for k in "123":
    ...     onsets = np.cumsum(rng.uniform(8, 16, 20))
    ...     events = Events(onsets, np.full(20, 2.0), ["face"] * 20)
    ...     (signal,) = convolve(events, times, 3.0, "glover").values()
    ...     bold = Stream(signal + rng.normal(0, 0.02, (100, 5)), times)
    ...     stated = replace(events, onsets=onsets + 1.5)
    ...     runs.append(Run({"V1": bold}, {"events": stated}, tr=3.0, entities={"run": k}))
    >>> table = timing_audit(runs)
    >>> table.loc[table.finding != "", ["setting", "value", "severity"]].values.tolist()
    [['onsets', -1.5, 'warning']]
    """
    if is_free(hrf_model):
        raise UsageError("the audit needs an assumed hemodynamic response, got hrf_model 'fir'")
    runs = as_runs(runs)
    if not runs:
        raise UsageError("no run to audit: give a list of runs")
    nuisance = given_nuisance(nuisance)
    runs = [run for run in match_targets(runs) if nothing_left(run, nuisance) is None]
    if not runs:
        return _table([])
    settings = possible_settings(runs, shifts)
    measured = _measured(runs, nuisance)
    folds = audit_folds(runs, [part.times for part in measured])
    n_stretches = sum(len(fold.stretches) for fold in folds)
    enough = n_stretches >= _LEAST_STRETCHES and len(folds) > 1 and measured[0].values.shape[1]
    if len(settings) < 2 or not enough:
        return _table([])
    values = np.concatenate([part.values for part in measured])
    errors = Errors(values / values.std(0), folds)
    times = [part.times for part in measured]
    most = min(MOST_REGRESSORS, sum(map(len, times)) // ROWS_PER_REGRESSOR)
    designs = designs_of(runs, times, settings, hrf_model, most)
    errors.add(_clean(designs, measured))
    best, found = max(settings, key=errors.r2), ("", "")
    if best != STATED and errors.is_clear(best, STATED, len(settings) - 1):
        found = best.kind, "warning"
        if best.kind in ("onsets", "durations"):
            designs = designs_of(runs, times, RESPONSES, hrf_model, most)
            errors.add(_clean(designs, measured))
            found = _judged(errors, best, [s.value for s in settings if s.kind == "onsets"])
            settings.append(max(RESPONSES, key=errors.r2))
    return _table([_row(errors, s, *(found if s == best else ("", ""))) for s in settings])


def is_free(hrf_model: str | HRF | Sequence[HRF]) -> bool:
    """Return whether a model assumes no time of the hemodynamic response."""
    return isinstance(hrf_model, str) and hrf_model.lower() == "fir"


def _judged(errors: Errors, best: Setting, shifts: Sequence[float]) -> tuple[str, str]:
    """Return what is found, and how sure, where hemodynamics may be the cause as well."""
    response = max(RESPONSES, key=errors.r2)
    clear = errors.is_clear(best, response, len(RESPONSES), least_share=0.0)
    if best.kind != "onsets":
        return (best.kind, "warning") if clear else (f"{best.kind} or hemodynamics", "note")
    usual = PEAKS[0] - BASE_PEAK <= best.value <= PEAKS[-1] - BASE_PEAK
    explained = not clear if usual else errors.r2(response) >= errors.r2(best)
    # where R2 does not fall again within the range, more than a part of a TR is wrong
    end = Setting("onsets", min(shifts) if best.value < 0 else max(shifts))
    at_end = best == end or errors.gain(best, end)[2] >= LEVEL
    at_end = at_end and errors.gain(best, STATED)[0] < LARGE_GAIN
    severity = "note" if explained or at_end else "warning"
    sure = clear and not usual and not at_end
    return ("onsets" if sure else "onsets or hemodynamics"), severity


def _row(errors: Errors, setting: Setting, finding: str, severity: str) -> dict[str, object]:
    gain, error, p = errors.gain(setting, STATED) if setting != STATED else (0.0, 0.0, np.nan)
    row = (setting.kind, setting.value, errors.r2(setting), gain, error, p, finding, severity)
    return dict(zip(COLUMNS, row, strict=True))


def _table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _measured(runs: Sequence[Run], nuisance: Nuisance) -> list[_Run]:
    """Return measured series without nuisance, for targets that were always measured and vary."""
    regions = find_regions(runs)
    n_targets = sum(regions.values())
    some = np.unique(np.linspace(0, n_targets - 1, min(n_targets, MOST_TARGETS)).astype(int))
    found = []
    for run in runs:
        values = np.concatenate([run.responses[r].values for r in regions], axis=1)[:, some]
        rows = np.isfinite(values).mean(1) > 0.5  # scrubbed volumes are missing in all targets
        times = run.measured_times(list(regions))
        basis = nuisance.basis(run, times)[rows]
        found.append((times[rows], values[rows], basis))
    whole = np.all([np.isfinite(values).all(0) for _, values, _ in found], axis=0)
    clean = [project_out(basis, values[:, whole]) for _, values, basis in found]
    size = sum((values[:, whole] ** 2).sum(0) for _, values, _ in found)
    varies = sum((v**2).sum(0) for v in clean) > RANK_TOLERANCE**2 * size
    return [
        _Run(times, values[:, varies], basis)
        for (times, _, basis), values in zip(found, clean, strict=True)
    ]


def _clean(
    designs: Mapping[Setting, Sequence[np.ndarray]], measured: Sequence[_Run]
) -> dict[Setting, np.ndarray]:
    """Return designs of all runs, one after another, without nuisance."""
    return {
        setting: np.concatenate(
            [project_out(run.basis, x) for x, run in zip(parts, measured, strict=True)]
        )
        for setting, parts in designs.items()
    }
