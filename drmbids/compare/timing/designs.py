"""Designs of events as they are stated, and as they may have been meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.arguments import numbers
from drmbids.fit.baselines.design import HRF, StretchedHRF, convolve
from drmbids.fit.baselines.linear import tr_of
from drmbids.fit.estimators.contents import find_conditions, without_frames

#: Factors by which durations are off where milliseconds are taken for seconds, or seconds for
#: milliseconds; 0 is an impulse.
FACTORS = (0.0, 1e-3, 1e3)

#: Times to peak in seconds that hemodynamic responses of healthy cortex have.
PEAKS = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5)


class Setting(NamedTuple):
    """How events are taken."""

    kind: str  # onsets, durations, amplitudes, peak
    value: float  # s later; factor; 1; s
    base: str = ""  # of the shape whose peak is moved


#: Events as they are stated.
STATED = Setting("onsets", 0.0)

#: Hemodynamic responses that may be mistaken for other events.
RESPONSES = tuple(Setting("peak", peak, base) for base in ("glover", "spm") for peak in PEAKS)


def possible_settings(runs: Sequence[Run], shifts: Sequence[float] | None) -> list[Setting]:
    """Return the settings that make a difference for some runs, the stated events first.

    Parameters
    ----------
    runs : sequence of Run
    shifts : sequence of float or None
        Seconds by which events come later; quarters of a TR up to a whole one and the next when
        absent.

    Returns
    -------
    list of Setting
        Empty where there is no stimulus.
    """
    kept = [without_frames(run) for run in runs]
    if not find_conditions(kept):
        return []
    if shifts is None:
        tr = tr_of(runs[0], runs[0].measured_times())
        shifts = [tr * k / 4 for k in range(-5, 6)]
    found = [STATED, *(Setting("onsets", s) for s in numbers("shifts", shifts) if s != 0)]
    events = [s for run in kept for s in run.stimuli.values() if isinstance(s, Events)]
    if any((e.durations > 0).any() for e in events):
        found += [Setting("durations", factor) for factor in FACTORS]
    strengths = [np.asarray(e.amplitudes)[_of_conditions(e)] for e in events]
    if any(np.ptp(a) > 0 for a in strengths if len(a)):
        found.append(Setting("amplitudes", 1.0))
    return found


def designs_of(
    runs: Sequence[Run],
    times: Sequence[np.ndarray],
    settings: Sequence[Setting],
    hrf_model: str | HRF | Sequence[HRF],
    most: int,
) -> dict[Setting, list[np.ndarray]]:
    """Return the regressors of each setting, before nuisance is taken out.

    Parameters
    ----------
    runs : sequence of Run
    times : sequence of array of shape (n_measured,)
        Seconds, one for each run.
    settings : sequence of Setting
    hrf_model : str, callable or sequence of callable
        As in :class:`~drmbids.GLMBaseline`; its place is taken by the responses of ``peak``.
    most : int
        Where there would be more regressors, the conditions of a stimulus are taken together.

    Returns
    -------
    dict of Setting to list of array of shape (n_measured, n_regressors)
        One array for each run, with the same columns in all.
    """
    conditions = find_conditions([without_frames(run) for run in runs])
    if sum(map(len, conditions.values())) > most:
        runs = [_together(run) for run in runs]
        conditions = find_conditions([without_frames(run) for run in runs])
    found: dict[Setting, list[np.ndarray]] = {setting: [] for setting in settings}
    shifts = [s.value for s in settings if s.kind == "onsets"]
    for run, at in zip(runs, times, strict=True):
        if shifts:
            # one convolution serves all shifts: later events are earlier measurements
            moved = [at - shift for shift in shifts]
            every = np.unique(np.concatenate(moved))
            whole = _design(run, conditions, every, hrf_model)
            for shift, own in zip(shifts, moved, strict=True):
                found[Setting("onsets", shift)].append(whole[np.searchsorted(every, own)])
        for setting in settings:
            if setting.kind != "onsets":
                hrf = hrf_model
                if setting.kind == "peak":
                    hrf = StretchedHRF(setting.value, setting.base)
                found[setting].append(_design(meant(run, setting), conditions, at, hrf))
    return found


def meant(run: Run, setting: Setting) -> Run:
    """Return a run whose events last as long, or are as strong, as a setting says.

    Parameters
    ----------
    run : Run
    setting : Setting
        Of the kind ``durations`` or ``amplitudes``; others change nothing.

    Examples
    --------
    >>> run = Run({}, {"events": Events([1.0], [2000.0], ["a"])}, duration=10.0, tr=1.0)
    >>> meant(run, Setting("durations", 1e-3)).stimuli["events"].durations
    array([2.])
    """
    changed = {}
    for name, events in run.stimuli.items():
        if isinstance(events, Events) and setting.kind == "durations":
            changed[name] = replace(events, durations=setting.value * events.durations)
        elif isinstance(events, Events) and setting.kind == "amplitudes":
            strengths = np.where(_of_conditions(events), 1.0, events.amplitudes)
            changed[name] = replace(events, amplitudes=strengths)
    return replace(run, stimuli={**run.stimuli, **changed})


def _together(run: Run) -> Run:
    """Return a run whose stimuli have one column: any event, or the sum of what was sampled."""
    changed: dict[str, Events | Stream] = {}
    for name, stimulus in without_frames(run).stimuli.items():
        if isinstance(stimulus, Events):
            own = _of_conditions(stimulus)
            changed[name] = Events(
                stimulus.onsets[own],
                stimulus.durations[own],
                ["all"] * int(own.sum()),
                np.asarray(stimulus.amplitudes)[own],
                columns=["all"],
            )
        elif isinstance(stimulus, Stream):
            total = stimulus.samples().sum(1, keepdims=True)
            changed[name] = Stream(total, stimulus.times, columns=["all"])
    return replace(run, stimuli=changed)


def _of_conditions(events: Events) -> np.ndarray:
    """Return which events are of a condition, not of a modulator."""
    return np.array([c not in events.modulators for c in events.conditions], dtype=bool)


def _design(
    run: Run,
    conditions: Mapping[str, Sequence[str]],
    times: np.ndarray,
    hrf_model: str | HRF | Sequence[HRF],
) -> np.ndarray:
    """Return the regressors of a run at some times, all conditions of all runs side by side."""
    tr = tr_of(run, run.measured_times())
    return np.concatenate(list(_parts(run, conditions, times, tr, hrf_model)), axis=1)


def _parts(
    run: Run,
    conditions: Mapping[str, Sequence[str]],
    times: np.ndarray,
    tr: float,
    hrf_model: str | HRF | Sequence[HRF],
) -> Iterator[np.ndarray]:
    for name, columns in conditions.items():
        stimulus = run.stimuli.get(name)
        if not isinstance(stimulus, Events | Stream):
            stimulus = Events([], [], (), columns=tuple(columns))
        place = {column: k for k, column in enumerate(stimulus.columns)}
        for values in convolve(stimulus, times, tr, hrf_model).values():
            out = np.zeros((len(times), len(columns)))
            for k, column in enumerate(columns):
                if column in place:
                    out[:, k] = values[:, place[column]]
            yield out
