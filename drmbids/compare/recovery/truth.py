"""The truth of simulated data: what of a net can be recovered, kept in a small JSON file.

A truth file holds ``format_version`` (1); ``quantities``, a list of rows with the keys ``quantity,
name, unit, value``, the same that :func:`describe` finds in any net; and ``hrf``, a list of rows
with the keys ``region, step_s, values``: the hemodynamic response at lags 0, ``step_s`` ... in 1/s.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import by_name
from drmbids.brain.net.tables import origin, sent_columns
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.storage.files import write_json
from drmbids.data.tools.exceptions import DataError

#: Columns of a description, and keys of the rows of a truth file.
COLUMNS = ("quantity", "name", "unit", "value")

FORMAT_VERSION = 1

#: Step in seconds of the hemodynamic responses in a truth file.
HRF_STEP_S = 0.25

# Step in seconds at which the peak of a hemodynamic response is looked for: well below the
# precision of any estimate.
PEAK_STEP_S = 0.01


@torch.no_grad()
def describe(net: DRMNet) -> pd.DataFrame:
    """Return what data can tell of the parameters of a net, free of arbitrary scales.

    The activity of a unit has no scale of its own, since its gain on the voxels can make up for any
    factor. So weights are given as what no such factor changes: signs, sizes relative to the
    largest weight on the same stimulus, and gains of loops. Signs mean something where activity
    is rectified, so that it cannot change its own. Weights are told of populations of one unit
    only: the units of larger ones may swap.

    Parameters
    ----------
    net : DRMNet

    Returns
    -------
    DataFrame
        Columns ``quantity, name, unit, value``:

        - ``time constant`` (s) of each population that has one; in ascending order where there are
          several units;
        - ``HRF peak`` (s) of each region;
        - ``connection sign`` (-1, 0 or 1) of each connection; that of the sum over columns where
          the source is a stimulus;
        - ``relative weight`` of each stimulus column, its weight over the largest;
        - ``loop gain``, the product of the weights of two populations on one another.
    """
    rows = [*_time_constants(net), *_hrf_peaks(net), *_weights(net)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_truth(path: Path, net: DRMNet) -> None:
    """Write what can be recovered of a net as a truth file.

    Parameters
    ----------
    path : Path
    net : DRMNet
        The net that data are drawn from.
    """
    content = {
        "format_version": FORMAT_VERSION,
        "quantities": [
            {**row, "value": _rounded(row["value"])} for row in describe(net).to_dict("records")
        ],
        "hrf": [
            {"region": name, "step_s": HRF_STEP_S, "values": [_rounded(v) for v in curve]}
            for name, curve in _hrfs(net, HRF_STEP_S)
        ],
    }
    write_json(path, content)


def read_truth(path: str | Path) -> pd.DataFrame:
    """Return the rows of a truth file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        Columns ``quantity, name, unit, value``.

    Raises
    ------
    DataError
        If it is no truth file, or one of another version.
    """
    rows = _read_rows(Path(path), "quantities", COLUMNS)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_truth_hrf(path: str | Path) -> pd.DataFrame:
    """Return the true hemodynamic responses, in the form of ``DRMRegressor.hrf_table``.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        Columns ``region, time_s, hrf`` (1/s); empty where the truth has no BOLD readout.

    Raises
    ------
    DataError
        If it is no truth file, or one of another version.
    """
    parts = [pd.DataFrame(columns=["region", "time_s", "hrf"])]
    for row in _read_rows(Path(path), "hrf", ("region", "step_s", "values")):
        times = [row["step_s"] * k for k in range(len(row["values"]))]
        parts.append(pd.DataFrame({"region": row["region"], "time_s": times, "hrf": row["values"]}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _read_rows(path: Path, section: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows of a section of a truth file, all keys there."""
    try:
        content: Any = json.loads(path.read_text("utf-8"))
        version = content["format_version"]
        rows = [{key: row[key] for key in keys} for row in content[section]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a truth file ({error!r}); drmbids simulate writes them"
        ) from error
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: format version {version!r}, this drmbids reads {FORMAT_VERSION}")
    return rows


def truth_path(bids_dir: str | Path, subject: str) -> Path:
    """Return where a simulated dataset keeps the truth of a subject.

    BIDS leaves the folder ``code`` free.
    """
    return Path(bids_dir) / "code" / "truth" / f"sub-{subject}_truth.json"


def find_truth(bids_dir: str | Path, subject: str) -> Path | None:
    """Return the truth file of a subject, or None: measured data have none.

    Parameters
    ----------
    bids_dir : str or Path
        Root of a BIDS dataset.
    subject : str
        Without ``sub-``.

    Returns
    -------
    Path or None
    """
    path = truth_path(bids_dir, subject)
    return path if path.is_file() else None


def _rounded(value: float) -> float:
    """Return six digits, what the parameters of a net in single precision are good for."""
    return float(f"{value:.6g}")


def _row(quantity: str, name: str, unit: str, value: float) -> dict[str, Any]:
    return dict(zip(COLUMNS, (quantity, name, unit, float(value)), strict=True))


def _time_constants(net: DRMNet) -> Iterator[dict[str, Any]]:
    for name, population in zip(net.population_names, net.population_list, strict=True):
        if "tau" not in population.parameter_specs:
            continue
        taus = sorted(population.value("tau").flatten().tolist())
        for k, tau in enumerate(taus):
            yield _row("time constant", name if len(taus) == 1 else f"{name} {k + 1}", "s", tau)


def _hrf_peaks(net: DRMNet) -> Iterator[dict[str, Any]]:
    for region, curve in _hrfs(net, PEAK_STEP_S):
        yield _row("HRF peak", region, "s", PEAK_STEP_S * curve.index(max(curve)))


@torch.no_grad()
def _hrfs(net: DRMNet, step: float) -> Iterator[tuple[str, list[float]]]:
    """Yield region and hemodynamic response, sampled every ``step`` seconds."""
    device = next(net.parameters()).device
    for readout in by_name(net.readout).values():
        if isinstance(readout, BOLD):
            lag = torch.arange(0.0, readout.hrf.length, step, device=device)
            yield from zip(readout.regions, readout.responses(lag).tolist(), strict=True)


def _weights(net: DRMNet) -> Iterator[dict[str, Any]]:
    between: dict[tuple[str, str], float] = {}
    for target, source, columns, weights in _connections(net):
        if source in net.stimuli:
            yield _row("connection sign", f"{source} -> {target}", "1", weights.sum().sign())
            largest = weights.abs().max().clamp(min=1e-12)
            for column, weight in zip(columns, weights / largest, strict=True):
                yield _row("relative weight", f"{source}:{column} -> {target}", "1", weight)
        else:
            yield _row("connection sign", f"{source} -> {target}", "1", weights.sign())
            between[source, target] = float(weights)
    for (source, target), weight in between.items():
        if source < target and (target, source) in between:
            gain = weight * between[target, source]
            yield _row("loop gain", f"{source} <-> {target}", "1", gain)


def _connections(net: DRMNet) -> Iterator[tuple[str, str, tuple[str, ...], Tensor]]:
    """Yield target, source, its columns and weights of connections between one-unit areas.

    A stimulus is a source too; a population has no columns.
    """
    units = dict(zip(net.population_names, (p.n_units for p in net.population_list), strict=True))
    populations = zip(net.population_names, net.population_list, net.afferents, strict=True)
    for to, population, line in populations:
        weights = population.input_weights()
        plain = weights is not None and all(a.connection.weights is None for a in line)
        if population.n_units > 1 or not plain:
            continue
        names = [origin(net, a) for a in line]
        columns = [sent_columns(net, a) if a.is_stimulus else () for a in line]
        widths = [len(sent) or units[n] for n, sent in zip(names, columns, strict=True)]
        for name, sent, part in zip(names, columns, weights[0].split(widths), strict=True):
            if sent or units[name] == 1:
                yield to, name, sent, part.cpu()
