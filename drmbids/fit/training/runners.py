"""Nets over windows of data: one alone, or several of the same structure side by side.

Small nets are run for many ticks, so that most of the time is what an operation costs at all, not
its arithmetic. Nets side by side share the operations: :func:`torch.vmap` gives every parameter,
stimulus and state an axis of models. On one CPU core a window of two areas of 64 units with
feedback takes, for each net, .40 of the time with 8 nets and .27 with 32 where each has one run;
.64 with 8 nets where each has four runs, which share operations already; .80 with 8 where each has
eleven.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from drmbids.brain.net.carry import Carry, map_tensors
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import features_at
from drmbids.data.iterators.item import Item

#: Runs of all nets together beyond which nothing is gained: buffers no longer fit the cache.
MOST_RUNS = 100

#: Features of each region of all readouts, (n_measured, batch, n_features).
Features = list[Tensor]


class Runner(Protocol):
    """Runs one or several nets over windows, between :meth:`begin` and :meth:`end`."""

    def begin(self) -> None:
        """Take the parameters as they are now; gradients start at zero."""

    def initial_carry(self, batch: int, runs: Sequence[int] | None = None) -> Carry:
        """Return the past of runs that have not begun."""

    def window(self, items: Sequence[Item], carry: Carry) -> tuple[list[Features], Carry]:
        """Return the features of each net for its item, and what the next window needs."""

    def end(self) -> None:
        """Leave the gradients on the parameters of the nets."""


class Alone:
    """One net.

    Parameters
    ----------
    net : DRMNet
    """

    def __init__(self, net: DRMNet):
        self.net = net

    def moving(self) -> list[Tensor]:
        """Return the tensors that gradients are wanted for; they stay where they are."""
        return [p for p in self.net.parameters() if p.requires_grad]

    def begin(self) -> None:
        """Set gradients to zero."""
        self.net.zero_grad(set_to_none=True)

    def initial_carry(self, batch: int, runs: Sequence[int] | None = None) -> Carry:
        """Return the past of runs that have not begun."""
        return self.net.initial_carry(batch, runs)

    def window(self, items: Sequence[Item], carry: Carry) -> tuple[list[Features], Carry]:
        """Return the features of the one net for the one item, and the carry."""
        (item,) = items
        _, seen, carry = self.net.run(item["stimulus"], carry)
        return [features_at(self.net.readout, seen, item)], carry

    def end(self) -> None:
        """Do nothing: gradients are where they belong."""


class SideBySide:
    """Nets of the same structure; see :func:`drmbids.fit.training.alike.same_structure`.

    The linear maps of the readout are no part of it: each net keeps its own, of its own width.

    Parameters
    ----------
    nets : sequence of DRMNet
    """

    def __init__(self, nets: Sequence[DRMNet]):
        self.nets, self.net = list(nets), nets[0]
        self._features = _Features(nets[0])
        maps = {id(p) for p in nets[0].readout.linear_parameters()}
        self._names = [name for name, p in nets[0].named_parameters() if id(p) not in maps]
        self._buffers = [name for name, _ in nets[0].named_buffers()]
        self._values: dict[str, Tensor] = {}

    def moving(self) -> list[Tensor]:
        """Return the tensors that gradients are wanted for; they stay where they are."""
        return [value for value in self._values.values() if value.requires_grad]

    def begin(self) -> None:
        """Stack the parameters of all nets, in the same memory every time."""
        own = [{**dict(n.named_parameters()), **dict(n.named_buffers())} for n in self.nets]
        for net in self.nets:
            net.zero_grad(set_to_none=True)
        for name in (*self._names, *self._buffers):
            all_nets = [values[name].detach() for values in own]
            if name not in self._values:
                self._values[name] = torch.empty_like(torch.stack(all_nets))
            value = self._values[name].requires_grad_(False)
            torch.stack(all_nets, out=value)
            value.grad = None
            value.requires_grad_(name in self._names and own[0][name].requires_grad)

    def initial_carry(self, batch: int, runs: Sequence[int] | None = None) -> Carry:
        """Return the past of runs that have not begun, with a leading axis of models."""
        n = len(self.nets)
        carry = self.nets[0].initial_carry(batch, runs)
        return Carry(*map_tensors(lambda x: x.expand(n, *x.shape), carry))

    def window(self, items: Sequence[Item], carry: Carry) -> tuple[list[Features], Carry]:
        """Return the features of each net for its item, and the carry of all."""
        first = items[0]
        shared = all(item is first for item in items)
        stimuli = (
            first["stimulus"]
            if shared
            else [torch.stack(s) for s in zip(*(i["stimulus"] for i in items), strict=True)]
        )

        def one(values: Mapping[str, Tensor], shown: list[Tensor], past: list[Tensor]) -> Any:
            state = {f"net.{name}": value for name, value in values.items()}
            arguments = (shown, first, with_tensors(carry, past))
            features, new = functional_call(self._features, state, arguments)
            return features, tensors_of(new)

        run = torch.vmap(one, in_dims=(0, None if shared else 0, 0))
        features, new = run(self._values, stimuli, tensors_of(carry))
        each = [list(part) for part in zip(*(x.unbind(0) for x in features), strict=True)]
        return each, with_tensors(carry, new)

    def end(self) -> None:
        """Hand each net its part of the gradients."""
        for name in self._names:
            gradient = self._values[name].grad
            if gradient is None:
                continue
            for net, own in zip(self.nets, gradient.unbind(0), strict=True):
                net.get_parameter(name).grad = own


class _Features(nn.Module):
    """What a net computes up to its maps, as the module that ``functional_call`` asks for."""

    def __init__(self, net: DRMNet):
        super().__init__()
        self.net = net

    def forward(
        self, stimulus: Sequence[Tensor], item: Item, carry: Carry
    ) -> tuple[Features, Carry]:
        _, seen, new = self.net.run(stimulus, carry)
        return features_at(self.net.readout, seen, item), new


def tensors_of(carry: Carry) -> list[Tensor]:
    """Return the tensors of a carry, in order."""
    found: list[Tensor] = []
    map_tensors(lambda x: (found.append(x), x)[1], carry)
    return found


def with_tensors(carry: Carry, tensors: Sequence[Tensor]) -> Carry:
    """Return a carry of the same build with other tensors."""
    following: Iterator[Tensor] = iter(tensors)
    return Carry(*map_tensors(lambda _: next(following), carry))
