"""Results as files: JSON for tables and splits, safetensors for predictions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids.data.runs.fold import Fold
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.spans import Spans
from drmbids.data.storage.bundle import (
    MANIFEST,
    load_bundle,
    pack_arrays,
    unpack_arrays,
    write_bundle,
)
from drmbids.data.tools.exceptions import DataError, OutputError

_ABOUT = {"kind": "results"}
_CONTENT, _PREDICTIONS = "results.json", "predictions.safetensors"
_TABLES = ("table", "folds", "timing")


def write_results(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the fields of results to a folder; other files in it stay.

    Parameters
    ----------
    folder : Path
    fields : mapping of str
        Those of :class:`~drmbids.Results` by name; estimators are left out.

    Raises
    ------
    OutputError
        If the folder holds something else that was saved, or cannot be written.
    """
    if (folder / MANIFEST).exists():
        try:
            load_bundle(folder, _ABOUT)
        except DataError as error:
            raise OutputError(f"{folder}: holds something else; take a new folder") from error
    arrays, places = _packed(fields["predictions"])
    content = {name: _table_to_json(fields[name]) for name in _TABLES}
    content |= {
        "predictions": places,
        "nuisance": None if fields["nuisance"] is None else asdict(fields["nuisance"]),
        "targets": {name: list(columns) for name, columns in fields["targets"].items()},
        "splits": [_fold_to_json(fold) for fold in fields["splits"]],
        "ranks": {model: dict(ranks) for model, ranks in fields["ranks"].items()},
        "failures": [[*key, why] for key, why in fields["failures"].items()],
    }
    files = {_CONTENT: json.dumps(content).encode(), _PREDICTIONS: pack_arrays(arrays)}
    write_bundle(folder, files, _ABOUT)


def read_results(folder: Path) -> dict[str, Any]:
    """Return the fields of results that :func:`write_results` wrote.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    DataError
        If the folder holds no results, or a file is missing or was changed.
    """
    files, _ = load_bundle(folder, _ABOUT)
    try:
        content = json.loads(files[_CONTENT])
        arrays = unpack_arrays(files[_PREDICTIONS])
        nuisance = content["nuisance"]
        return {
            **{name: _table_of(content[name]) for name in _TABLES},
            "predictions": _unpacked(arrays, content["predictions"]),
            "nuisance": None if nuisance is None else Nuisance(**nuisance),
            "targets": {name: tuple(columns) for name, columns in content["targets"].items()},
            "splits": [_fold_of(fold) for fold in content["splits"]],
            "ranks": content["ranks"],
            "failures": {(model, fold): why for model, fold, why in content["failures"]},
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder}: written by another version of drmbids ({error})") from error


def _packed(predictions: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], list[list[Any]]]:
    """Return arrays by number, and where each belongs: model, run, maybe readout."""
    arrays, places = {}, []
    for model, by_run in predictions.items():
        for label, series in by_run.items():
            several = series.items() if isinstance(series, Mapping) else [(None, series)]
            for readout, values in several:
                arrays[str(len(places))] = np.asarray(values)
                places.append([model, label, readout])
    return arrays, places


def _unpacked(
    arrays: Mapping[str, np.ndarray], places: Sequence[Sequence[Any]]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for k, (model, label, readout) in enumerate(places):
        by_run = found.setdefault(model, {})
        if readout is None:
            by_run[label] = arrays[str(k)]
        else:
            by_run.setdefault(label, {})[readout] = arrays[str(k)]
    return found


def _table_to_json(table: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return a table as columns; Python writes each float with all of its digits."""
    if table is None:
        return None
    return {
        "dtypes": {str(name): str(dtype) for name, dtype in table.dtypes.items()},
        "columns": {str(name): table[name].tolist() for name in table},
    }


def _table_of(content: Mapping[str, Any] | None) -> pd.DataFrame | None:
    if content is None:
        return None
    series = {
        name: pd.Series(values, dtype=content["dtypes"][name])
        for name, values in content["columns"].items()
    }
    return pd.DataFrame(series)


def _fold_to_json(fold: Fold) -> dict[str, Any]:
    spans = {
        part: [
            [k, [list(edge) for edge in there.edges]] for k, there in getattr(fold, part).items()
        ]
        for part in ("trained", "tested")
    }
    return {
        "label": fold.label,
        "train": [int(k) for k in fold.train],
        "test": [int(k) for k in fold.test],
        "kind": fold.kind,
        **spans,
    }


def _fold_of(content: Mapping[str, Any]) -> Fold:
    spans = {
        part: {k: Spans(tuple((start, end) for start, end in edges)) for k, edges in content[part]}
        for part in ("trained", "tested")
    }
    train, test = tuple(content["train"]), tuple(content["test"])
    return Fold(content["label"], train, test, spans["trained"], spans["tested"], content["kind"])
