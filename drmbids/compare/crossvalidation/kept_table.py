"""Tables that take long to make, each kept as a unit of work."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.units import (
    Unit,
    Units,
    repeat_warnings,
    saved_warnings,
    warnings_of,
)
from drmbids.data.runs.run import Run
from drmbids.data.tools.warned import recorded_warnings
from drmbids.fit.training.checkpoint import Checkpoint


def kept_table(
    units: Units | None,
    model: str,
    what: str,
    estimator: Any,
    runs: Sequence[Run],
    settings: Any,
    make: Callable[[Checkpoint | None], pd.DataFrame],
) -> pd.DataFrame:
    """Return a table, as an earlier call made it where it was kept.

    Parameters
    ----------
    units : Units or None
        Where it is kept.
    model, what : str
        Names for people.
    estimator : estimator
        The model that it is about; its settings count, not whether it is fitted.
    runs : sequence of Run
    settings
        What else its numbers depend on.
    make : callable
        Makes it. Trainings may be kept on the way in the checkpoint that it gets.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from drmbids import GLMBaseline
    >>> def make(checkpoint):
    ...     print("made")
    ...     return pd.DataFrame({"part": ["face", "house"], "r2": [0.1, 0.2]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         table = kept_table(Units(Path(folder)), "glm", "parts", GLMBaseline(), [], 1, make)
    made
    >>> table["r2"].tolist()
    [0.1, 0.2]
    """
    if units is None:
        return make(None)
    unit = units.unit(model, what, estimator, runs, settings=settings)
    found = unit.load()
    if found is not None:
        arrays, facts = found
        try:
            columns = {**facts["text"], **arrays}
            table = pd.DataFrame({name: columns[name] for name in facts["columns"]})
            messages = warnings_of(facts)
        except (KeyError, TypeError, ValueError) as error:
            unit.refuse(error)
        else:
            repeat_warnings(messages)
            return table
    with units.training([unit]) as checkpoint, recorded_warnings() as messages:
        table = make(checkpoint)
        _save(unit, table, messages)
    repeat_warnings(messages)
    return table


def _save(unit: Unit, table: pd.DataFrame, messages: Sequence[Warning]) -> None:
    numbers: dict[str, np.ndarray] = {
        name: column.to_numpy() for name, column in table.items() if column.dtype.kind in "biuf"
    }
    text = {name: column.tolist() for name, column in table.items() if name not in numbers}
    facts = {"columns": list(table), "text": text, "warnings": saved_warnings(messages)}
    unit.save(numbers, facts)
