"""Weights of connections: matrices between units, with what is known of their structure."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import ModelError, UsageError

#: Signs that all weights of a connection may be held to.
Sign = Literal["free", "positive", "negative"]
SIGNS: dict[Sign, float] = {"free": 0.0, "positive": 1.0, "negative": -1.0}


class Weights(DRMNode, ABC):
    """Weights from the units of a source to what arrives, applied tick by tick.

    Write :meth:`matrix`. Signs are held by taking absolute values, so that training cannot change
    them: all of one sign (``sign``), or one for each unit of the source (Dale's law, by the
    connection).

    Parameters
    ----------
    n_from, n_to : int
        Units of the source, and units that arrive.
    sign : {"free", "positive", "negative"}
        Sign of all weights.

    Raises
    ------
    ModelError
        If the sign is unknown.
    UsageError
        If a size is below 1.
    """

    signs: Tensor

    def __init__(self, n_from: int, n_to: int, sign: Sign = "free"):
        super().__init__()
        if sign not in SIGNS:
            raise ModelError(f"sign must be free, positive or negative, got {sign!r}")
        if n_from < 1 or n_to < 1:
            raise UsageError(f"weights need units, got n_from={n_from}, n_to={n_to}")
        self.n_from, self.n_to = n_from, n_to
        self.register_buffer("signs", torch.full((n_from,), SIGNS[sign]), persistent=False)

    @classmethod
    def arriving(cls, n_from: int, n_to: int, options: dict[str, Any]) -> int:
        """Return how many units arrive, where ``n_to`` are wanted; ``n_to`` by default.

        Parameters
        ----------
        n_from, n_to : int
        options : dict of str to object
            Further arguments of ``__init__``.
        """
        return n_to

    def hold_signs(self, signs: Tensor) -> None:
        """Hold the signs of the weights from each unit of the source.

        Parameters
        ----------
        signs : Tensor of shape (n_from,)
            1 or -1; what ``sign`` said is turned over where it is -1.
        """
        self.signs.copy_(torch.where(self.signs == 0, signs, self.signs * signs))

    def signed(self, weights: Tensor) -> Tensor:
        """Return weights, ``[to][from]``, with the signs that are held."""
        return torch.where(self.signs == 0, weights, weights.abs() * self.signs)

    @abstractmethod
    def matrix(self) -> Tensor:
        """Return the weights, shape (n_to, n_from)."""

    def weight_matrix(self) -> Tensor:
        """Return the weights, which a prior may be set on."""
        return self.matrix()

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n_to)."""
        return activity @ self.matrix().mT


class Dense(Weights):
    """Weights between all units, or those of a random or given pattern.

    Parameters
    ----------
    n_from, n_to : int
        Units of the source, and units that arrive.
    sign : {"free", "positive", "negative"}
        Sign of all weights.
    values : list of list of float, optional
        Weights to start from, or to keep, ``[to][from]``; drawn when absent. Weights of 0 stay 0.
    density : float
        Share of the pairs that are connected, above 0 and at most 1; the others stay 0.
    seed : int
        Which pairs these are.
    trainable : bool
        Whether training moves the weights.

    Raises
    ------
    UsageError
        If the values have another shape or the density is none.

    Examples
    --------
    >>> weights = Dense(3, 2, values=[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    >>> weights(torch.ones(1, 1, 3)).tolist()
    [[[3.0, 1.0]]]
    """

    there: Tensor

    def __init__(
        self,
        n_from: int,
        n_to: int,
        sign: Sign = "free",
        values: Sequence[Sequence[float]] | None = None,
        density: float = 1.0,
        seed: int = 0,
        trainable: bool = True,
    ):
        super().__init__(n_from, n_to, sign)
        if not 0 < density <= 1:
            raise UsageError(f"density must be above 0 and at most 1, got {density!r}")
        if values is None:
            first = torch.randn(n_to, n_from) / math.sqrt(n_from * density)
            drawn = torch.rand(n_to, n_from, generator=torch.Generator().manual_seed(seed))
            there = drawn < density
        else:
            first = torch.as_tensor(values, dtype=torch.get_default_dtype())
            if first.shape != (n_to, n_from) or not bool(torch.isfinite(first).all()):
                raise UsageError(
                    f"values are a matrix [to][from] of {n_to} x {n_from} finite numbers, got "
                    f"shape {tuple(first.shape)}"
                )
            there = first != 0
        self.register_buffer("there", there, persistent=values is None)
        self.weight = nn.Parameter(first, requires_grad=trainable)

    def matrix(self) -> Tensor:
        """Return the weights, shape (n_to, n_from)."""
        return self.signed(self.weight) * self.there


class Diagonal(Weights):
    """A gain for each unit: units arrive one for one.

    Parameters
    ----------
    n_from, n_to : int
        Units of the source, and units that arrive, as many.
    sign : {"free", "positive", "negative"}
        Sign of all gains.

    Raises
    ------
    UsageError
        If the sizes differ.

    Examples
    --------
    >>> Diagonal(3, 3)(torch.ones(1, 1, 3)).tolist()
    [[[1.0, 1.0, 1.0]]]
    """

    def __init__(self, n_from: int, n_to: int, sign: Sign = "free"):
        super().__init__(n_from, n_to, sign)
        if n_from != n_to:
            raise UsageError(f"diagonal weights keep the number of units, got {n_from} -> {n_to}")
        self.weight = nn.Parameter(torch.ones(n_from))

    @classmethod
    def arriving(cls, n_from: int, n_to: int, options: dict[str, Any]) -> int:
        """Return how many units arrive: those of the source."""
        return n_from

    def matrix(self) -> Tensor:
        """Return the weights, shape (n_to, n_from)."""
        return torch.diag(self.signed(self.weight))

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n_to)."""
        return activity * self.signed(self.weight)


class LowRank(Weights):
    """Weights through few patterns: ``W = U V^T`` with ``rank`` columns each.

    Parameters
    ----------
    n_from, n_to : int
        Units of the source, and units that arrive.
    rank : int
        Patterns.
    sign : {"free", "positive", "negative"}
        Sign of all weights.

    Raises
    ------
    UsageError
        If the rank is not from 1 to the smaller number of units.

    References
    ----------
    Mastrogiuseppe and Ostojic 2018, Neuron 99:609.

    Examples
    --------
    >>> torch.linalg.matrix_rank(LowRank(5, 4, rank=2).matrix()).item()
    2
    """

    def __init__(self, n_from: int, n_to: int, rank: int = 1, sign: Sign = "free"):
        super().__init__(n_from, n_to, sign)
        if not 1 <= rank <= min(n_from, n_to):
            raise UsageError(
                f"rank must be from 1 to {min(n_from, n_to)} for {n_from} -> {n_to} units, "
                f"got {rank}"
            )
        self.given = nn.Parameter(torch.randn(n_to, rank) / math.sqrt(rank))
        self.selected = nn.Parameter(torch.randn(n_from, rank) / math.sqrt(n_from))

    def matrix(self) -> Tensor:
        """Return the weights, shape (n_to, n_from)."""
        held = (self.signs != 0).any()
        free = self.given @ self.selected.mT
        return torch.where(held, self.signed(self.given.abs() @ self.selected.abs().mT), free)
