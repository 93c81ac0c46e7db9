"""Who is in a loop that runs without a graph, which connections it has, and whose turn it is.

Series are ``(..., ticks, batch, width)``, with or without an axis of models before; rows are those
of ticks and batch, so that a connection is a product for a block of ticks.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from drmbids.maths.loops.cells import Buffers, Cell


class Member(NamedTuple):
    """A population of a loop.

    Parameters
    ----------
    cell : Cell
        What its units do.
    past : Tensor of shape (depth, batch, n_units)
        Activity before the window, at least one tick and as many as any delay from here.
    drive : Tensor of shape (n_ticks, batch, from_others * n_units)
        Input from outside the loop, bias included.
    weight : Tensor of shape (n_rows, n_factors * reach * n_units), optional
        Weights on the units' own last ``reach`` ticks, the oldest first. More than one tick is for
        a member on its own, without arcs.
    extra : Tensor of shape (n_units,) or (2, n_units), optional
        Parameters of the cell.
    factors : Tensor of shape (n_ticks, batch, n_factors), optional
        What the weights are multiplied by, tick by tick: a group of columns for each factor; 1
        when absent.
    state : Tensor of shape (batch, n_units), optional
        What rate units with memory are at the end of the tick before the window.
    """

    cell: Cell
    past: Tensor
    drive: Tensor
    weight: Tensor | None = None
    extra: Tensor | None = None
    factors: Tensor | None = None
    state: Tensor | None = None


class Arc(NamedTuple):
    """A connection between members: the target receives ``weight`` times an earlier activity.

    Where there are factors, the activity is multiplied by them as it arrives.
    """

    to: int
    source: int
    ticks: int
    weight: Tensor  # shape: (from_others * n_units of the target, n_units of the source)
    factors: Tensor | None = None  # shape: (n_ticks, batch, 1 or n_units of the source)


#: Tensors of a member before those of arcs.
N_PARTS = len(Member._fields) - 1


class Plan(NamedTuple):
    """What runs when: cells, ``to, source, ticks`` of arcs, and which member's turn it is.

    ``lengths`` are the ticks of each member in its turns.
    """

    cells: Sequence[Cell]
    arcs: Sequence[tuple[int, int, int]]
    turns: Sequence[int]
    lengths: Sequence[Sequence[int]]

    def of_arcs(self, tensors: Sequence[Any]) -> tuple[Sequence[Tensor], Sequence[Tensor | None]]:
        """Return weights and factors of arcs, which come last."""
        start, n = len(tensors) - 2 * len(self.arcs), len(self.arcs)
        return tensors[start : start + n], tensors[start + n :]

    def flow(
        self,
        at: Sequence[Buffers],
        here: Sequence[Tensor],
        there: Sequence[Tensor],
        factors: Sequence[Tensor | None],
    ) -> list[list[list[tuple[Tensor, Tensor, Tensor | None]]]]:
        """Return, for each member and turn, what each arc that ends there needs.

        Rows of ``here`` where it ends, rows of ``there`` that it reads, and its factors.
        """
        found: list[list[list[tuple[Tensor, Tensor, Tensor | None]]]] = [
            [[] for _ in k] for k in self.lengths
        ]
        for (to, source, ticks), by in zip(self.arcs, factors, strict=True):
            ends = received_rows(self.cells[to], at[to], here[to])
            reads = sent_rows(at[source], there[source], ticks)
            rows = [n * ends.shape[-2] // at[to].n_ticks for n in self.lengths[to]]
            times = [None] * len(rows) if by is None else factor_rows(by).split(rows, -2)
            parts = zip(ends.split(rows, -2), reads.split(rows, -2), times, strict=True)
            for turn, part in zip(found[to], parts, strict=True):
                turn.append(part)
        return found


def factor_rows(factors: Tensor) -> Tensor:
    """Return the factors of an arc, a row for each tick and batch."""
    return factors.flatten(-3, -2)


def _rows(series: Tensor) -> Tensor:
    """Return a view with a row for each tick and batch."""
    return series.view(*series.shape[:-3], -1, series.shape[-1])


def received_rows(cell: Cell, at: Buffers, inner: Tensor) -> Tensor:
    """Return the rows that arcs add to, (..., ticks and batch, from_others * n_units)."""
    return _rows(inner)[..., -cell.from_others * at.activity.shape[-1] :]


def sent_rows(at: Buffers, series: Tensor, ticks: int) -> Tensor:
    """Return the rows that an arc reads in a window, (..., ticks and batch, n_units)."""
    return _rows(at.later(series, ticks)[..., : at.n_ticks, :, :])
