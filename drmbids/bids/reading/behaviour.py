"""What participants did: choices and reaction times from the columns of events files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.bids.files.find import find_runs
from drmbids.bids.files.problems import error
from drmbids.bids.files.tsv import read_numbers, read_table, require_columns
from drmbids.bids.reading.events import read_events
from drmbids.bids.reading.stimuli import run_events
from drmbids.bids.reading.unite import with_all_conditions
from drmbids.data.runs.choices import NOT_THERE, choice_stream
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream

#: Seconds after the last event that a run of behaviour lasts.
_TAIL = 1.0


def load_behaviour(
    bids_dir: str | Path,
    *,
    choice: str | None = "response",
    reaction_time: str | None = None,
    delay: float | None = None,
    modulators: Sequence[str] = (),
    derivatives: Any = None,
    filters: Mapping[str, Any] | str | Path | None = None,
    **entities: Any,
) -> list[Run]:
    """Load the behaviour of the runs of a BIDS dataset: what :class:`~drmbids.DRMClassifier` takes.

    Images are looked for by their names, and not opened.

    Parameters
    ----------
    bids_dir : str or Path
        Root of the dataset.
    choice : str, optional
        Column of the events files with what was chosen (``response``, ``button`` ...), the response
        ``"choice"`` of the runs; ``n/a`` where none was made.
    reaction_time : str, optional
        Column with seconds from the onset of an event (``response_time``), the response
        ``"reaction_time"``.
    delay : float, optional
        Seconds after the onset of its event at which a choice is to be explained. When absent it is
        the time of the answer, ``response_time``, where the file has that column, which makes the
        reaction time known to the model; else the end of the event.
    modulators : sequence of str
        See :class:`~drmbids.bids.reading.stimuli.Stimuli`.
    derivatives, filters, **entities
        See :func:`drmbids.find_runs`.

    Returns
    -------
    list of Run
        Stimulus ``"events"``, responses as asked, one row for each event with a choice; all runs
        have the same classes.

    Raises
    ------
    DataError
        If a column is missing, a time is no number, two choices come at one time, or fewer than two
        classes were chosen.
    """
    files = find_runs(bids_dir, derivatives=derivatives, filters=filters, **entities)
    found = []
    for one in files:
        if one.events is None:
            run_events(one, 0.0)  # says what is missing
            continue
        run = read_behaviour(one.events, choice, reaction_time, delay, modulators)
        found.append(replace(run, entities=one.entities))
    runs = with_all_conditions(found)
    classes = sorted({c for run in runs if choice for c in run.responses["choice"].columns})
    if choice is None:
        return runs
    if len(classes) < 2:
        where = files[0].events or bids_dir
        text = f"column {choice!r} holds {len(classes)} different choices in {len(runs)} runs"
        raise error("TB03", where, text, "choices need two classes or more: name another column")
    return [_with_classes(run, classes) for run in runs]


def read_behaviour(
    events: str | Path,
    choice: str | None = "response",
    reaction_time: str | None = None,
    delay: float | None = None,
    modulators: Sequence[str] = (),
) -> Run:
    """Return the behaviour in one events file; see :func:`load_behaviour`.

    Parameters
    ----------
    events : str or Path
    choice, reaction_time, delay, modulators
        See :func:`load_behaviour`.

    Returns
    -------
    Run
        Its classes are those that were chosen in it.

    Raises
    ------
    DataError
        If a column is missing or a time is no number.
    """
    path = Path(events)
    shown = read_events(path, modulators=modulators)
    table = read_table(path)
    require_columns(table, [c for c in (choice, reaction_time) if c], path)
    onsets, durations = (read_numbers(table, c, path) for c in ("onset", "duration"))
    order = np.argsort(onsets, kind="stable")
    responses, last = {}, float((onsets + durations).max(initial=0.0))
    if choice is not None:
        if delay is not None:
            since = np.full(len(onsets), float(delay))
        elif "response_time" in table.columns:
            since = read_numbers(table, "response_time", path)
        else:
            since = durations
        made = ~table[choice].isin([str(t) for t in NOT_THERE]).to_numpy(bool)
        kept = order[(made & np.isfinite(since))[order]]
        times, labels = (onsets + since)[kept], table[choice].to_numpy()[kept]
        _check_times(times, path)
        classes = sorted(set(labels))
        values = np.array([[float(label == c) for c in classes] for label in labels])
        responses["choice"] = (
            choice_stream(times, labels)
            if len(classes) > 1
            else Stream(values.reshape(len(times), len(classes)), times, classes)
        )
        last = max(last, float(times.max(initial=0.0)))
    if reaction_time is not None:
        taken = read_numbers(table, reaction_time, path)
        kept = order[np.isfinite(taken)[order]]
        _check_times(onsets[kept], path)
        responses["reaction_time"] = Stream(
            taken[kept, None], onsets[kept], [reaction_time], unit="s"
        )
    run = Run(responses, {"events": shown}, duration=last + _TAIL, sources=[str(path)])
    return run


def _check_times(times: np.ndarray, path: Path) -> None:
    """Raise if two answers come at one time: which one is to be explained is not known."""
    same = np.flatnonzero(np.diff(times) <= 0)
    if len(same):
        found = f"two answers at or before {times[int(same[0])]:g} s"
        raise error("EV04", path, found, "keep one of them, or give delay= from each onset")


def _with_classes(run: Run, classes: Sequence[str]) -> Run:
    """Return a run whose choices have all classes, in one order."""
    made = run.responses["choice"]
    values = np.zeros((len(made.times), len(classes)))
    for k, name in enumerate(made.columns):
        values[:, classes.index(name)] = made.values[:, k]
    stream = Stream(values, made.times, classes)
    return replace(run, responses={**run.responses, "choice": stream})
