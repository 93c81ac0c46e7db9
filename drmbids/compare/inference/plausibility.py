"""Fitted parameters that no physiology supports, or that ran into their limits."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from drmbids.brain.net.net import DRMNet
from drmbids.compare.inference.quantities import limits_of
from drmbids.data.runs.run import Run
from drmbids.maths.estimation.constraints import Constraint

#: Seconds between which the response to a brief event peaks in measured data, over subjects and
#: regions (Handwerker et al. 2004, NeuroImage 21:1639-1651: 2.5 to 6.5 s; later with slow neural
#: responses).
USUAL_PEAKS_S = (3.0, 8.0)

#: Share of the range between two limits within which a parameter counts as at a limit.
AT_LIMIT = 0.01


def implausible_parameters(net: DRMNet, runs: Sequence[Run]) -> list[str]:
    """Return a phrase for each trained parameter at a limit, or beyond what the data can show.

    Parameters
    ----------
    net : DRMNet
        Fitted.
    runs : sequence of Run
        What it was fitted to: a time constant or delay that is longer than the longest run cannot
        be told from them.

    Returns
    -------
    list of str
        Such as ``"delay of V1 -> V2 is 1.99 s, at its limit of 2 s"``.
    """
    longest = max((float(run.duration or 0.0) for run in runs), default=0.0)
    found = []
    for row, limits in zip(net.parameter_rows(), limits_of(net), strict=True):
        if not row["trainable"]:
            continue
        name = f"{row['parameter']} of {row['node']}"
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        limit = _limit_reached(float(row["value"]), limits)
        if limit is not None:
            found.append(f"{name} is {row['value']:.3g}{unit}, at its limit of {limit:g}{unit}")
        elif row["unit"] == "s" and row["value"] > longest > 0:
            found.append(
                f"{name} is {row['value']:.3g} s, longer than the longest run of {longest:.3g} s"
            )
    return found


def _limit_reached(value: float, limits: Constraint) -> float | None:
    """Return the limit that a value has come to; one of two, as no share of an open range is."""
    if limits.lower is None or limits.upper is None:
        return None
    room = AT_LIMIT * (limits.upper - limits.lower)
    if value <= limits.lower + room:
        return limits.lower
    return limits.upper if value >= limits.upper - room else None


def odd_peaks(peaks: pd.DataFrame) -> list[str]:
    """Return a phrase for each region whose response to a brief event peaks at an unusual time.

    Parameters
    ----------
    peaks : DataFrame
        From :func:`~drmbids.compare.inference.event_responses.response_peaks`; the shortest events
        count.

    Returns
    -------
    list of str
        Such as ``"V1 responds to face and house after 0.1 s"``, conditions alike together.
    """
    early, late = USUAL_PEAKS_S
    brief = peaks[peaks["duration_s"] == peaks["duration_s"].min()]
    odd = brief[(brief["peak_s"] < early) | (brief["peak_s"] > late)]
    odd = odd[np.isfinite(odd["peak_s"])]
    at: dict[tuple[str, str], list[str]] = {}
    for row in odd.itertuples():
        at.setdefault((str(row.region), f"{row.peak_s:.1f}"), []).append(str(row.condition))
    return [
        f"{region} responds to {and_more(conditions)} after {peak} s"
        for (region, peak), conditions in at.items()
    ]


def and_more(names: Sequence[str], most: int = 3) -> str:
    """Return names as they read in a sentence, the first few where there are many.

    Examples
    --------
    >>> and_more(["face"]), and_more(["face", "house"]), and_more(list("abcde"))
    ('face', 'face and house', 'a, b, c and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
