"""Checks of what goes into a net: names, matrices, sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.dale import dale_signs
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.parts import NetParts
from drmbids.brain.populations.base import DRMPopulation
from drmbids.data.tools.exceptions import ModelError


def as_named(
    populations: Sequence[DRMPopulation] | Mapping[str, DRMPopulation],
) -> dict[str, DRMPopulation]:
    """Return populations by name, or raise where there are none or one is not a population."""
    if not isinstance(populations, Mapping):
        if isinstance(populations, DRMPopulation):
            raise ModelError("populations is one DRMPopulation; give a list of them, or a mapping")
        populations = {f"P{i}": p for i, p in enumerate(populations)}
    if not populations:
        raise ModelError("a net needs at least one population")
    for name, population in populations.items():
        if not isinstance(population, DRMPopulation):
            raise ModelError(f"{name}: {type(population).__name__} is not a DRMPopulation")
    if len({id(p) for p in populations.values()}) < len(populations):
        raise ModelError("the same population object is used twice; use copy.deepcopy")
    return dict(populations)


def as_matrix(
    rows: Sequence[Any] | np.ndarray, n_rows: int, name: str, n_columns: int | None = None
) -> list[list[DRMConnection | None]]:
    """Return a connection matrix, or raise where its shape or an entry is wrong.

    Parameters
    ----------
    rows : sequence of connections (one column) or of sequences of connections
        Lists, tuples, or an array of objects.
    n_rows : int
        Number of populations.
    name : str
        For the message.
    n_columns : int, optional
        Expected; taken from the first row when absent.
    """
    if not isinstance(rows, Sequence | np.ndarray) or getattr(rows, "ndim", 1) == 0:
        raise ModelError(f"{name} is a list of connections, or a matrix of them, got {rows!r}")
    if len(rows) != n_rows:
        raise ModelError(f"{name} has {len(rows)} rows for {n_rows} populations")
    matrix = [list(r) if isinstance(r, Sequence | np.ndarray) else [r] for r in rows]
    width = len(matrix[0]) if n_columns is None else n_columns
    seen: set[int] = set()
    for to, row in enumerate(matrix):
        if len(row) != width:
            raise ModelError(f"{name} row {to} has {len(row)} entries, expected {width}")
        for entry in row:
            if entry is None:
                continue
            if not isinstance(entry, DRMConnection):
                raise ModelError(f"{name} row {to}: {entry!r} is neither a DRMConnection nor None")
            if id(entry) in seen:
                raise ModelError(f"{name}: the same DRMConnection object is used twice")
            seen.add(id(entry))
    return matrix


def stimulus_columns(
    stimuli: Mapping[str, Sequence[str] | int] | None, n_stimuli: int, net: NetParts
) -> dict[str, tuple[str, ...]]:
    """Return the columns of each stimulus; counted from the sizes where not given."""
    if not n_stimuli:
        raise ModelError("ws has no column: a net needs at least one stimulus")
    if stimuli is not None:
        if len(stimuli) != n_stimuli:
            raise ModelError(f"ws connects {n_stimuli} stimuli, {list(stimuli)} are named")
        return {
            name: tuple(map(str, range(c))) if isinstance(c, int) else tuple(c)
            for name, c in stimuli.items()
        }
    names = ["stimulus"] if n_stimuli == 1 else [f"stimulus{k}" for k in range(n_stimuli)]
    widths: dict[int, int] = {}
    for line, population in zip(net.afferents, net.population_list, strict=True):
        unknown = [a for a in line if a.is_stimulus]
        if len(unknown) == 1 and unknown[0].connection.keeps_units:
            others = sum(
                a.connection.n_arriving(net.population_list[a.source].n_units)
                for a in line
                if not a.is_stimulus
            )
            widths.setdefault(unknown[0].source, population.n_inputs - others)
    if any(widths.get(k, 0) < 1 for k in range(n_stimuli)):
        raise ModelError(
            "the number of stimulus columns does not follow from the sizes of the populations; "
            "name them: DRMNet(..., stimuli={'events': ['face', 'house']})"
        )
    return {name: tuple(map(str, range(widths[k]))) for k, name in enumerate(names)}


def afferent_widths(net: NetParts) -> list[list[int]]:
    """Return how wide each afferent of each population is where it arrives."""
    widths = [len(c) for c in net.stimuli.values()]
    units = [p.n_units for p in net.population_list]
    return [
        [
            a.connection.n_arriving(widths[a.source] if a.is_stimulus else units[a.source])
            for a in line
        ]
        for line in net.afferents
    ]


def connection_states(net: NetParts, batch: int) -> tuple[Any, ...]:
    """Return what the connections of a net remember before a run; nothing where none remembers."""
    if not any(a.connection.remembers for line in net.afferents for a in line):
        return ()
    widths = [len(c) for c in net.stimuli.values()]
    units = [p.n_units for p in net.population_list]
    return tuple(
        a.connection.initial_state(batch, (widths if a.is_stimulus else units)[a.source])
        for line in net.afferents
        for a in line
    )


def hold_signs(net: NetParts, widths: Sequence[Sequence[int]]) -> None:
    """Hold the signs of input weights where connections follow Dale's law.

    Raises
    ------
    ModelError
        If the weights of a population have no sign, listing all such connections.
    """
    problems = []
    for name, line, population, arriving in zip(
        net.population_names, net.afferents, net.population_list, widths, strict=True
    ):
        if all(a.connection.dale is None for a in line):
            continue
        signs = []
        for a, width in zip(line, arriving, strict=True):
            dale, own = a.connection.dale, a.connection.weights is not None
            # weights of the connection hold the signs themselves: what arrives has them already
            held = torch.ones(width) if own else dale_signs(dale or 0.0, width)
            signs.append(torch.zeros(width) if dale is None else held)
        try:
            population.hold_input_signs(torch.cat(signs))
        except ModelError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise ModelError(problems)


def check_sizes(net: NetParts, widths: Sequence[Sequence[int]]) -> None:
    """Raise :class:`ModelError` listing every population that its afferents' widths do not fit."""
    units = [p.n_units for p in net.population_list]
    problems = []
    for name, line, population, arriving in zip(
        net.population_names, net.afferents, net.population_list, widths, strict=True
    ):
        got = sum(arriving)
        if not line:
            problems.append(f"{name}: no stimulus and no population is connected to it")
        elif getattr(population, "coupled", False) and any(
            isinstance(a.connection, Tracts) for a in line[:-1]
        ):
            problems.append(
                f"{name}: tracts must be the last of its inputs, which is added to its drives as "
                "it is (coupled); move the population behind those that send to it"
            )
        elif got != population.n_inputs:
            problems.append(f"{name}: takes {population.n_inputs} inputs, its afferents give {got}")
    if list(net.readout.n_units) != units:
        problems.append(
            f"readout: made for populations of {list(net.readout.n_units)} units, not {units}"
        )
    if problems:
        raise ModelError(problems)
