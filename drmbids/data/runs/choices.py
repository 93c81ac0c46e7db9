"""What a subject chose, as a response that a model can be fitted to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError

#: How BIDS writes a value that is not there.
NOT_THERE = ("n/a", "", None)


def choice_stream(
    times: ArrayLike, choices: Sequence[str | None], classes: Sequence[str] = ()
) -> Stream:
    """Return choices as a response: one column for each class, 1 for the one that was chosen.

    Parameters
    ----------
    times : array of shape (n_trials,)
        Seconds from the start of the run at which choices are made, increasing. Activity before
        them is what they are explained by: with the time of the answer its reaction time counts as
        known; a fixed time after the onset of a trial keeps it out.
    choices : sequence of str of length n_trials
        Class of each choice; ``"n/a"``, an empty text or None where none was made, which gives a
        row of NaN.
    classes : sequence of str
        All classes, in order, also those not chosen in this run; the sorted ones that occur when
        absent.

    Returns
    -------
    Stream

    Raises
    ------
    DataError
        If lengths disagree, there are fewer than two classes, or a choice is not among them.

    Examples
    --------
    >>> choice_stream([2.5, 6.0, 9.5], ["left", "n/a", "right"]).values
    array([[ 1.,  0.],
           [nan, nan],
           [ 0.,  1.]])
    """
    made = [None if choice in NOT_THERE else str(choice) for choice in choices]
    known = tuple(classes) or tuple(sorted({choice for choice in made if choice is not None}))
    if len(known) < 2:
        raise DataError(f"choices need two classes or more, found {list(known)}; give `classes`")
    unknown = sorted({choice for choice in made if choice is not None} - set(known))
    if unknown:
        raise DataError(f"choices {unknown} are not among the classes {list(known)}")
    values = np.full((len(made), len(known)), np.nan)
    for row, choice in enumerate(made):
        if choice is not None:
            values[row] = [name == choice for name in known]
    return Stream(values, np.asarray(times, dtype=float), known)
