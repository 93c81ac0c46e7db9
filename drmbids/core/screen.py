"""What objects say of themselves in a few lines: shapes, units, names, never whole arrays."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from drmbids.core.frames import Frames
    from drmbids.core.results import Results
    from drmbids.core.run import Run
    from drmbids.core.stream import Events, Stream

#: Names (and parts of a run) that are listed, and characters of each; the rest is counted.
MOST_LISTED, MOST_LETTERS = 5, 20
#: Models and regions whose scores are shown.
_MOST_ROWS, _MOST_COLUMNS = 12, 5


def cut(name: Any, length: int = MOST_LETTERS) -> str:
    """Return a name, cut in the middle where it is longer.

    Examples
    --------
    >>> cut("left_primary_visual_cortex", 11)
    'left_…ortex'
    """
    text = str(name)
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def listed(names: Iterable[Any], most: int = MOST_LISTED, length: int = MOST_LETTERS) -> str:
    """Return names side by side, and how many more there are.

    Examples
    --------
    >>> listed("abc"), listed("abcdefgh", most=2)
    ('a, b, c', 'a, b and 6 more')
    """
    names = list(names)
    shown = ", ".join(cut(name, length) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def numbered(n: int, what: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> numbered(1, "run"), numbered(2, "run")
    ('1 run', '2 runs')
    """
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def stream_text(stream: "Stream") -> str:
    """Return the samples, columns, times and unit of a stream.

    Parameters
    ----------
    stream : Stream
    """
    n, times = len(stream.times), stream.times
    where = f", {times[0]:g} to {times[-1]:g} s" if n else ""
    unit = "" if stream.unit in ("", "1") else f", unit {stream.unit!r}"
    weights = "" if stream.weights is None else ", weighted"
    columns = numbered(len(stream.columns), "column")
    return (
        f"{numbered(n, 'sample')} x {columns} ({listed(stream.columns, 3)}){where}{unit}{weights}"
    )


def events_text(events: "Events") -> str:
    """Return how many events of each condition there are, and when.

    Parameters
    ----------
    events : Events
    """
    counts = Counter(str(name) for name in events.conditions)
    names = [f"{cut(name)} {counts[name]}" for name in events.columns if counts[name]]
    names += [f"{cut(name)} 0" for name in events.columns if not counts[name]]
    onsets = events.onsets
    where = f", {onsets.min():.4g} to {onsets.max():.4g} s" if len(onsets) else ""
    return f"{numbered(len(onsets), 'event')} ({listed(names, length=2 * MOST_LETTERS)}){where}"


def frames_text(frames: "Frames") -> str:
    """Return how many frames of what shape are shown, and when.

    Parameters
    ----------
    frames : Frames
    """
    n, onsets = len(frames.onsets), frames.onsets
    where = f", {onsets.min():.4g} to {onsets.max():.4g} s" if n else ""
    of = numbered(len(frames.source), "frame")
    return f"{n} shown of {of} of shape {tuple(frames.shape)}{where}"


def run_text(run: "Run") -> str:
    """Return what a run holds, a line for each kind.

    Parameters
    ----------
    run : Run
    """
    tr = "no TR" if run.tr is None else f"TR {run.tr:g} s"
    lines = [f"Run({run.label}: {run.duration:g} s, {tr}"]
    for name, stream in _first(run.responses):
        n_missing = 0 if stream.in_file else int(np.isnan(stream.values).sum())
        missing = f", {n_missing} missing" if n_missing else ""
        unit = "" if stream.unit in ("", "1") else f", unit {stream.unit!r}"
        n, n_targets = stream.values.shape
        shape = f"{numbered(n, 'sample')} x {numbered(n_targets, 'target')}"
        lines.append(f"  response {cut(name)}: {shape}{unit}{missing}")
    lines += _more(run.responses, "responses")
    lines += [f"  stimulus {cut(k)}: {shown!r}" for k, shown in _first(run.stimuli)]
    lines += _more(run.stimuli, "stimuli")
    lines += [f"  {what}: none" for what in ("responses", "stimuli") if not getattr(run, what)]
    confounds = None if run.confounds is None else run.confounds.columns
    found = "none" if not confounds else f"{len(confounds)} ({listed(confounds)})"
    return "\n".join([*lines, f"  confounds: {found})"])


def _first(items: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(items.items())[:MOST_LISTED]


def _more(items: Mapping[str, Any], what: str) -> list[str]:
    more = len(items) - MOST_LISTED
    return [f"  and {more} more {what}"] if more > 0 else []


def results_text(results: "Results") -> str:
    """Return what was compared, and the median score of each model in each region.

    Parameters
    ----------
    results : Results
    """
    table = results.table
    medians = score_medians(results)
    models, regions = list(medians.index), list(medians.columns)
    n_targets = table.groupby("region")["target"].nunique().sum()
    kinds = {fold.kind for fold in results.splits}
    held_out = "" if not kinds else " " + _HELD_OUT.get(next(iter(kinds)), "")
    lines = [
        f"Results({numbered(len(models), 'model')}, {numbered(table['fold'].nunique(), 'fold')}"
        f"{held_out}, {numbered(len(regions), 'region')}, {numbered(int(n_targets), 'target')}",
        "  median r over targets of the means over folds:",
    ]
    shown = medians.iloc[:_MOST_ROWS, :_MOST_COLUMNS]
    shown.index = [cut(name) for name in shown.index]
    shown.columns = [cut(name, 12) for name in shown.columns]
    text = shown.to_string(float_format=lambda x: f"{x:.3f}", na_rep="n/a", line_width=None)
    lines += [f"  {line}" for line in text.splitlines()]
    for there, most, what in (
        (models, _MOST_ROWS, "models"),
        (regions, _MOST_COLUMNS, "regions"),
    ):
        if len(there) > most:
            lines.append(f"  and {len(there) - most} more {what}")
    if results.failures:
        lines.append(f"  failed: {numbered(len(results.failures), 'fit')}, see failures")
    return "\n".join([*lines, f"  columns of table: {', '.join(table.columns)})"])


#: What a fold holds out, by its kind.
_HELD_OUT = {
    "run": "of runs",
    "stimulus": "of stimuli",
    "block": "of blocks of time",
    "none": "in sample",
}


def score_medians(results: "Results") -> Any:
    """Return the median r over targets of each model (rows) and region (columns).

    Parameters
    ----------
    results : Results
    """
    medians = results.per_target().groupby(["model", "region"], sort=False)["r"].median()
    order = [list(dict.fromkeys(results.table[name])) for name in ("model", "region")]
    return medians.unstack("region").reindex(index=order[0], columns=order[1])
