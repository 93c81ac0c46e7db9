"""Conditions that a fold tests without having trained on them."""

from collections.abc import Sequence

import numpy as np

from drmbids.compare.splits.stimulus_folds import REACH
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans
from drmbids.data.runs.stream import Events


def untrained_conditions(folds: Sequence[Fold], runs: Sequence[Run]) -> list[str]:
    """Return a line for each condition and held-out block of which no response is trained on.

    Parameters
    ----------
    folds : sequence of Fold
        Those that hold out blocks are looked at.
    runs : sequence of Run

    Returns
    -------
    list of str
    """
    found = []
    for fold in (fold for fold in folds if fold.kind == "block"):
        tested = _reached(runs, fold.test, fold.tested)
        trained = _reached(runs, fold.train, fold.trained)
        found += [
            f"{fold.label}: responses to {name!r} are in volumes held out, and in none trained on, "
            "so that nothing is learned of it"
            for name in tested
            if name not in trained
        ]
    return found


def _reached(runs: Sequence[Run], some: Sequence[int], spans: dict[int, Spans]) -> dict[str, None]:
    """Return the conditions whose responses reach measured volumes within some spans of time."""
    found: dict[str, None] = {}
    for k in some:
        parts = [s.times[np.isfinite(s.values).any(axis=1)] for s in runs[k].responses.values()]
        times = np.unique(np.concatenate(parts)) if parts else runs[k].measured_times()
        times = times[spans[k].within(times)]
        for shown in runs[k].stimuli.values():
            if not isinstance(shown, Events):
                continue
            events = zip(shown.onsets, shown.durations, shown.conditions, strict=True)
            for onset, duration, condition in events:
                if ((times >= onset) & (times < onset + duration + REACH)).any():
                    found[condition] = None
    return found
