"""How much each measured sample counts, given beside runs and kept in them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError


def with_weights(
    runs: Sequence[Run], weights: Sequence[ArrayLike] | Mapping[str, ArrayLike]
) -> list[Run]:
    """Return runs whose measured samples count by weights, in every fit and score.

    The weights become part of the responses (:class:`~drmbids.Stream`), so that they go with their
    run into any fold, search or process.

    Parameters
    ----------
    runs : sequence of Run
        With responses.
    weights : sequence of array, or mapping of str to array
        One for each run: in the order of the runs, or by label. Of shape (n_measured,) for samples
        or (n_measured, n_targets) for elements, targets of all regions side by side; 0 or more. An
        element of weight 2 counts like two of weight 1, one of weight 0 is missing. Only ratios
        between weights matter.

    Returns
    -------
    list of Run

    Raises
    ------
    DataError
        If there is not one for each run, a shape is not that of the run, or a weight is negative or
        not finite.

    Examples
    --------
    >>> from drmbids import Run, Stream
    >>> run = Run({"V1": Stream(np.zeros((3, 2)), [0.0, 2.0, 4.0])}, tr=2.0)
    >>> (weighted,) = with_weights([run], [[1.0, 0.5, 0.0]])
    >>> weighted.responses["V1"].weights.ravel()
    array([1. , 0.5, 0. ])
    """
    if isinstance(weights, Mapping):
        missing = [run.label for run in runs if run.label not in weights]
        if missing:
            raise DataError(f"{missing[0]}: no weights of this run; there are {[*weights][:10]}")
        weights = [weights[run.label] for run in runs]
    if len(weights) != len(runs):
        raise DataError(f"{len(weights)} arrays of weights for {len(runs)} runs; give one for each")
    return [_weighted(run, np.asarray(w)) for run, w in zip(runs, weights, strict=True)]


def _weighted(run: Run, weights: np.ndarray) -> Run:
    """Return one run with weights, split between its responses."""
    if not run.responses:
        raise DataError(f"{run.label}: no responses to weigh")
    n_targets = [stream.values.shape[1] for stream in run.responses.values()]
    n_measured = len(run.measured_times(list(run.responses)))
    if weights.shape not in ((n_measured,), (n_measured, sum(n_targets))):
        raise DataError(
            f"{run.label}: weights {weights.shape} for {n_measured} measured samples of "
            f"{sum(n_targets)} targets; give ({n_measured},) or ({n_measured}, {sum(n_targets)})"
        )
    ends = np.cumsum(n_targets)[:-1]
    parts = [weights] * len(n_targets) if weights.ndim == 1 else np.split(weights, ends, axis=1)
    try:
        responses = {
            name: replace(stream, weights=part)
            for (name, stream), part in zip(run.responses.items(), parts, strict=True)
        }
    except DataError as error:
        raise DataError(f"{run.label}: {error}") from error
    return replace(run, responses=responses)
