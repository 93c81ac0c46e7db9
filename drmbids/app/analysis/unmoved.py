"""Physical parameters that training could not move: the data say nothing of them."""

import warnings
from collections.abc import Sequence

from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingWarning
from drmbids.fit.estimators.drm import DRMRegressor


def warn_of_unmoved(name: str, estimator: DRMRegressor, runs: Sequence[Run]) -> None:
    """Warn of trained parameters whose gradient was zero throughout.

    They are those that are, to the last digit, where they started, in a fit that found a better
    state than that of its start.

    Parameters
    ----------
    name : str
        Of the model, for the message.
    estimator : DRMRegressor
        Fitted.
    runs : sequence of Run
        What it was fitted on.

    Warns
    -----
    TrainingWarning
        With the node and the name of each.
    """
    objectives = [row["objective"] for row in estimator.history_]
    if objectives.index(min(objectives)) == 0:
        return
    start, end = (
        {(row["node"], row["parameter"], row["index"]): row for row in net.parameter_rows()}
        for net in (estimator.model_.build(runs), estimator.net_)
    )
    moved: dict[str, bool] = {}
    for key, row in end.items():
        if row["trainable"]:
            label = f"{row['parameter']} of {row['node']}"
            moved[label] = moved.get(label, False) or row["value"] != start[key]["value"]
    still = [label for label, did in moved.items() if not did]
    if still:
        warnings.warn(
            f"{name}: training left {', '.join(still)} exactly where the model file starts: the "
            "data say nothing of it in this model, so that its value is no estimate",
            TrainingWarning,
            stacklevel=2,
        )
