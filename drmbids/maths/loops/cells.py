"""Units that a loop without a graph runs tick by tick: how they go on, and the adjoint of that.

Series are ``(..., ticks, batch, width)``, with or without an axis of models before. A cell leaves
in ``inner``, a buffer over the window, what the backward pass needs: input to the units, or gates.
Where activity, the mean over a tick, is not what units go on from, ``states`` has what they are at
the end of each. All views of a window are made at once, which is cheaper than one by one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Buffers(NamedTuple):
    """A population while its loop runs."""

    weight: Tensor | None  # shape: (..., n_rows, n_factors * reach * n_units)
    extra: Tensor | None  # shape: (..., n_units), or (..., 2, n_units) for rate units
    factors: Tensor | None  # shape: (..., n_ticks, batch, n_factors)
    activity: Tensor  # shape: (..., depth + n_ticks, batch, n_units)
    inner: Tensor  # shape: (..., n_ticks, batch, n_inner * n_units)
    states: Tensor  # shape: (..., 1 + n_ticks, batch, n_units); no ticks where there are none

    @property
    def n_ticks(self) -> int:
        """Ticks of the window."""
        return self.inner.shape[-3]

    @property
    def reach(self) -> int:
        """Ticks that the units look back on themselves."""
        if self.weight is None:
            return 1
        n_factors = 1 if self.factors is None else self.factors.shape[-1]
        return self.weight.shape[-1] // self.activity.shape[-1] // n_factors

    def recent(self, series: Tensor) -> tuple[Tensor, ...]:
        """Return the last ``reach`` ticks before each tick, (..., batch, reach * n_units).

        They are views: more than one tick must lie in one stretch of memory.
        """
        since = self.later(series, self.reach)
        *before, n_ticks, batch, n = since.shape
        size = (*before, n_ticks - self.reach, batch, self.reach * n)
        return since.as_strided(size, since.stride()).unbind(-3)

    def factor_ticks(self) -> tuple[Tensor | None, ...]:
        """Return the factors of each tick, (..., batch, n_factors), None where there are none."""
        return (None,) * self.n_ticks if self.factors is None else self.factors.unbind(-3)

    def later(self, series: Tensor, before: int = 0) -> Tensor:
        """Return a series that begins with the past from some ticks before the window on."""
        return series[..., series.shape[-3] - self.n_ticks - before :, :, :]


class Cell(ABC):
    """A kind of unit.

    Attributes
    ----------
    n_inner : int
        Columns of ``inner`` for each unit.
    from_others : int
        How many of them, the last ones, input from elsewhere adds to.
    """

    n_inner: int
    from_others: int

    @abstractmethod
    def begin(self, inner: Tensor, drive: Tensor, extra: Tensor | None) -> None:
        """Fill ``inner`` with what is known before the first tick."""

    @abstractmethod
    def run(self, at: Buffers, lengths: Sequence[int]) -> Iterator[None]:
        """Fill activity and ``inner``, a block of so many ticks each time."""

    @abstractmethod
    def slopes(self, at: Buffers) -> Tensor:
        """Return derivatives of each tick's activity by ``inner``."""

    @abstractmethod
    def adjoin(
        self,
        at: Buffers,
        slopes: Tensor,
        adjoint: Tensor,
        at_states: Tensor,
        lengths: Sequence[int],
    ) -> Iterator[None]:
        """Turn slopes into the gradient by ``inner``, a block each time, the last one first.

        ``adjoint`` and ``at_states`` are the gradients by activity and states; what flows back in
        time is added to them.
        """

    @abstractmethod
    def extra_gradient(
        self, at: Buffers, change: Tensor, adjoint: Tensor, at_states: Tensor
    ) -> Tensor:
        """Return the gradient by ``extra`` from those by ``inner``, activity and states."""


def add_product(out: Tensor, left: Tensor, right: Tensor) -> None:
    """Add a matrix product in place, or one for each model."""
    if out.dim() == 2:
        out.addmm_(left, right)
    else:  # baddbmm_ into a part of a buffer takes the models one by one
        out.add_(torch.bmm(left, right))


def multiplied(seen: Tensor, factors: Tensor | None) -> Tensor:
    """Return ``n`` columns times each factor, (..., n_factors * n); as they are without factors."""
    if factors is None:
        return seen
    return (factors.unsqueeze(-1) * seen.unsqueeze(-2)).flatten(-2)


def add_back(out: Tensor, change: Tensor, weight: Tensor, factors: Tensor | None) -> None:
    """Add in place what flows back through the product of weights and :func:`multiplied`."""
    if factors is None:
        add_product(out, change, weight)
    else:
        each = (change @ weight).unflatten(-1, (factors.shape[-1], -1))
        out.add_((each * factors.unsqueeze(-1)).sum(-2))


class Rate(Cell):
    """``s(t) = s(t - 1) + approach (phi(input) - s(t - 1))``, activity the mean over the tick.

    It is ``(1 - late) s(t - 1) + late s(t)``; ``extra`` is ``approach`` and ``late``
    (:func:`drmbids.maths.loops.first_order.tick_weights`), 1 and 1 for a unit without memory; None
    where no unit has one.
    """

    n_inner = from_others = 1

    def __init__(self, phi: Callable[[Tensor], Tensor]):
        self.phi = phi

    def begin(self, inner: Tensor, drive: Tensor, extra: Tensor | None) -> None:
        """Fill ``inner`` with the drive."""
        inner.copy_(drive)

    def run(self, at: Buffers, lengths: Sequence[int]) -> Iterator[None]:
        """Fill activity and states, and add to the input what the units send themselves."""
        taps = None if at.weight is None else at.weight.mT
        if taps is None and at.extra is None:
            for _, inner, activity in _blocks(lengths, at.inner, at.later(at.activity)):
                activity.copy_(self.phi(inner))
                yield
            return
        approach, late = _weights(at.extra)
        ticks = zip(at.inner.unbind(-3), *_ticks(at, at.activity, at.states), strict=True)
        blocks = _blocks(lengths, at.inner, at.later(at.activity), *_ends(at.states))
        for length, inner, activity, start, end in blocks:
            if taps is None:  # of a block at once, rates and means
                activity.copy_(self.phi(inner))
            for z, now, seen, factors, before, after in islice(ticks, length):
                rate = now
                if taps is not None:
                    add_product(z, multiplied(seen, factors), taps)
                    rate = self.phi(z)
                if approach is None:
                    now.copy_(rate)
                else:
                    torch.lerp(before, rate, approach, out=after)
                    if taps is not None:
                        torch.lerp(before, after, late, out=now)
            if taps is None:
                torch.lerp(start, end, late.unsqueeze(-3), out=activity)
            yield

    def slopes(self, at: Buffers) -> Tensor:
        """Return ``phi'``, times ``approach`` where there is one."""
        with torch.enable_grad():
            z = at.inner.detach().requires_grad_()
            rate = self.phi(z)
        (slope,) = torch.autograd.grad(rate, z, torch.ones_like(rate))
        approach, _ = _weights(at.extra)
        return slope if approach is None else slope * approach.unsqueeze(-3)

    def adjoin(
        self,
        at: Buffers,
        slopes: Tensor,
        adjoint: Tensor,
        at_states: Tensor,
        lengths: Sequence[int],
    ) -> Iterator[None]:
        """Turn slopes into gradients by the input."""
        if at.extra is None:
            yield from self._adjoin_rates(at, slopes, adjoint, lengths)
            return
        approach, late = _weights(at.extra)
        keep, early = 1 - approach, 1 - late
        parts = (slopes.unbind(-3), *_ticks(at, adjoint, at_states))
        ticks = zip(*(part[::-1] for part in parts), strict=True)
        blocks = _blocks(lengths, slopes, at.later(adjoint), *_ends(at_states))
        for length, by_input, by_activity, by_before, by_after in list(blocks)[::-1]:
            if at.weight is None:
                by_after.addcmul_(by_activity, late.unsqueeze(-3))
                by_before.addcmul_(by_activity, early.unsqueeze(-3))
            for change, now, seen, factors, before, after in islice(ticks, length):
                if at.weight is not None:
                    after.addcmul_(now, late)
                    before.addcmul_(now, early)
                    add_back(seen, change.mul_(after), at.weight, factors)
                before.addcmul_(after, keep)
            if at.weight is None:
                by_input.mul_(by_after)
            yield

    def _adjoin_rates(
        self, at: Buffers, slopes: Tensor, adjoint: Tensor, lengths: Sequence[int]
    ) -> Iterator[None]:
        """Turn slopes into gradients by the input, of units without memory."""
        ticks: Iterator[tuple[Any, ...]] = iter(())
        if at.weight is not None:
            parts = (slopes.unbind(-3), *_ticks(at, adjoint, at.states)[:3])
            ticks = zip(*(part[::-1] for part in parts), strict=True)
        blocks = _blocks(lengths, slopes, at.later(adjoint))
        for length, by_input, by_activity in list(blocks)[::-1]:
            if at.weight is None:
                by_input.mul_(by_activity)
            for change, now, seen, factors in islice(ticks, length):
                if at.weight is not None:  # there are no ticks otherwise
                    add_back(seen, change.mul_(now), at.weight, factors)
            yield

    def extra_gradient(
        self, at: Buffers, change: Tensor, adjoint: Tensor, at_states: Tensor
    ) -> Tensor:
        """Return the gradient by ``approach`` and ``late``."""
        before, after = _ends(at.states)
        by_approach = _ends(at_states)[1] * (self.phi(at.inner) - before)
        by_late = at.later(adjoint) * (after - before)
        return torch.stack([x.sum((-3, -2)) for x in (by_approach, by_late)], -2)


def _weights(extra: Tensor | None) -> tuple[Any, Any]:
    """Return ``approach`` and ``late`` for all runs, (..., 1, n_units)."""
    return (None, None) if extra is None else tuple(extra.unsqueeze(-2).unbind(-3))  # pyright: ignore[reportReturnType]


def _ends(states: Tensor) -> tuple[Tensor, Tensor]:
    """Return states before and after each tick."""
    return states[..., :-1, :, :], states[..., 1:, :, :]


def _blocks(lengths: Sequence[int], *series: Tensor) -> Iterator[tuple[Any, ...]]:
    """Return series in blocks of so many ticks, and how many; empty ones give None."""
    parts = [x.split(lengths, -3) if x.shape[-3] else [None] * len(lengths) for x in series]
    return zip(lengths, *parts, strict=True)


def _ticks(at: Buffers, series: Tensor, states: Tensor) -> tuple[tuple[Any, ...], ...]:
    """Return views tick by tick: of a series, of what came before in it, factors, and both ends."""
    none = (None,) * at.n_ticks
    ends = [part.unbind(-3) for part in _ends(states)] if states.shape[-3] else [none, none]
    seen = none if at.weight is None else at.recent(series)
    return (at.later(series).unbind(-3), seen, at.factor_ticks(), *ends)


class Gated(Cell):
    """Gated recurrent units; ``extra`` is the bias of the recurrent part of the candidate.

    ``inner`` holds, in this order, the recurrent part ``m`` of the candidate, the reset gate ``r``,
    the update gate ``z`` and the candidate ``c = tanh(input + r m)``;
    ``y(t) = (1 - z) c + z y(t - 1)``. The units' own weights reach the first three, or all four.
    """

    n_inner, from_others = 4, 3

    def begin(self, inner: Tensor, drive: Tensor, extra: Tensor | None) -> None:
        """Fill ``inner`` with drive and bias."""
        n = inner.shape[-1] // 4
        inner[..., n:] = drive
        inner[..., :n] = 0.0 if extra is None else extra[..., None, None, :]

    def run(self, at: Buffers, lengths: Sequence[int]) -> Iterator[None]:
        """Fill activity and gates."""
        assert at.weight is not None
        taps, n = at.weight.mT, at.activity.shape[-1]
        line = at.later(at.activity, 1).unbind(-3)
        reached, gates = at.inner[..., : taps.shape[-1]], at.inner[..., n : 3 * n]
        parts = (x.unbind(-3) for x in (reached, gates, *at.inner.split(n, -1)))
        seen = zip(at.recent(at.activity), at.factor_ticks(), strict=True)
        ticks = zip(seen, line[:-1], line[1:], *parts, strict=True)
        for length in lengths:
            for seen, before, now, reached, gates, m, r, z, c in islice(ticks, length):
                add_product(reached, multiplied(*seen), taps)
                gates.sigmoid_()
                c.addcmul_(r, m).tanh_()
                torch.lerp(c, before, z, out=now)
            yield

    def slopes(self, at: Buffers) -> Tensor:
        """Return derivatives by ``m`` and by ``r``, ``z`` and ``c`` before their nonlinearities."""
        before = at.later(at.activity, 1)[..., :-1, :, :]
        m, r, z, c = at.inner.chunk(4, -1)
        found = torch.empty_like(at.inner)
        by_m, by_r, by_z, by_c = found.chunk(4, -1)
        torch.mul(1 - z, 1 - c * c, out=by_c)
        torch.mul(by_c, r, out=by_m)
        torch.mul(by_m * m, 1 - r, out=by_r)
        torch.mul((before - c) * z, 1 - z, out=by_z)
        return found

    def adjoin(
        self,
        at: Buffers,
        slopes: Tensor,
        adjoint: Tensor,
        at_states: Tensor,
        lengths: Sequence[int],
    ) -> Iterator[None]:
        """Turn slopes into gradients, of which those that the own weights reach flow back."""
        assert at.weight is not None
        n = adjoint.shape[-1]
        line = at.later(adjoint, 1).unbind(-3)
        parts = (
            slopes.unflatten(-1, (4, n)).unbind(-4),
            slopes[..., : at.weight.shape[-2]].unbind(-3),
            at.inner[..., 2 * n : 3 * n].unbind(-3),
            at.recent(adjoint),
            at.factor_ticks(),
            line[:-1],
            line[1:],
        )
        ticks = zip(*(part[::-1] for part in parts), strict=True)
        for length in lengths[::-1]:
            for change, reached, z, seen, factors, before, now in islice(ticks, length):
                change.mul_(now.unsqueeze(-2))
                add_back(seen, reached, at.weight, factors)
                before.addcmul_(now, z)
            yield

    def extra_gradient(
        self, at: Buffers, change: Tensor, adjoint: Tensor, at_states: Tensor
    ) -> Tensor:
        """Return the gradient by the bias."""
        return change[..., : adjoint.shape[-1]].sum((-3, -2))
