"""Windows as CUDA graphs: captured once, then started by one call instead of thousands.

Small nets leave a GPU idle: it waits for the host to start one short kernel after another. A graph
holds the kernels of a whole window, forward and backward. What is captured is fixed, its shapes,
its measured times and where its tensors lie; :class:`Captured` keeps one graph for each form of
window, and checks what would go wrong unseen.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from drmbids.brain.net.carry import Carry
from drmbids.data.iterators.item import Item
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.training.runners import Alone, Features, SideBySide, tensors_of, with_tensors

#: Forms of window that graphs are kept for; each graph holds the memory of its window.
MOST_FORMS = 32

#: ``torch.cuda.make_graphed_callables`` or what does the same.
Capture = Callable[..., Callable[..., Any]]


class _Form(NamedTuple):
    """A captured window, and how its outputs are put together."""

    run: Callable[..., Sequence[Tensor]]
    n_regions: int
    carry: Carry


class Captured:
    """Runs the windows of a runner as CUDA graphs.

    The numbers are those of the runner itself. Each window has to be backpropagated before the
    next one runs, since all windows of a form share their memory: the cut-off may be no longer than
    the items of the data.

    Parameters
    ----------
    runner : Alone or SideBySide
        On a CUDA device.
    capture : callable
        ``torch.cuda.make_graphed_callables``.

    Raises
    ------
    UsageError
        From :meth:`window`, if gradients would flow from one window into the one before, or windows
        have more than :data:`MOST_FORMS` forms.
    """

    def __init__(
        self,
        runner: Alone | SideBySide,
        capture: Capture = torch.cuda.make_graphed_callables,
    ):
        self.runner, self._capture = runner, capture
        self._forms: dict[Any, _Form] = {}
        self._delays: Any = None
        self._running = False

    def begin(self) -> None:
        """Take the parameters as they are now; gradients start at zero."""
        self.runner.begin()
        # kernels of delays that are trained narrow over the epochs; a pass that did not end ran out
        # of memory, of which graphs hold much
        delays = [getattr(c, "width", None) for c in self.runner.net.connections]
        if delays != self._delays or self._running:
            self._forms.clear()
        self._delays, self._running = delays, True
        for value in self.runner.moving():
            # where there is no gradient yet, autograd would take the graph's own memory for it,
            # which the next window overwrites
            value.grad = torch.zeros_like(value)

    def initial_carry(self, batch: int, runs: Sequence[int] | None = None) -> Carry:
        """Return the past of runs that have not begun."""
        return self.runner.initial_carry(batch, runs)

    def window(self, items: Sequence[Item], carry: Carry) -> tuple[list[Features], Carry]:
        """Return the features of each net for its item, and what the next window needs."""
        past = tensors_of(carry)
        if any(x.requires_grad for x in past):
            raise UsageError(
                "cuda_graph=True backpropagates every window on its own: "
                "lower the cut-off to the length of the items, or raise their length"
            )
        shown = _stimuli(items)
        moving = self.runner.moving()
        key = _key(items, [*shown, *past])
        if key not in self._forms:
            if len(self._forms) >= MOST_FORMS:
                raise UsageError(
                    f"cuda_graph=True keeps graphs of {MOST_FORMS} forms of window and there are "
                    "more: make the cut-off a multiple of the TR, or train without"
                )
            self._forms[key] = self._captured(items, carry, shown, past, moving)
        form = self._forms[key]
        # the next window overwrites what a graph returns
        found = [x.clone() for x in form.run(*shown, *past, *moving)]
        n_features = len(found) - len(past)
        each = [found[k : k + form.n_regions] for k in range(0, n_features, form.n_regions)]
        return each, with_tensors(form.carry, found[n_features:])

    def _captured(
        self,
        items: Sequence[Item],
        carry: Carry,
        shown: Sequence[Tensor],
        past: Sequence[Tensor],
        moving: Sequence[Tensor],
    ) -> _Form:
        """Return a form of window; what is moved by training is read where it lies."""
        n_regions = 0

        def run(*tensors: Tensor) -> tuple[Tensor, ...]:
            nonlocal n_regions
            own = _with_stimuli(items, tensors[: len(shown)])
            then = with_tensors(carry, tensors[len(shown) : len(shown) + len(past)])
            each, new = self.runner.window(own, then)
            n_regions = len(each[0])
            return *(x for features in each for x in features), *tensors_of(new)

        # inputs are copied to where those of the capture lay, which must not be the data themselves
        sample = tuple(x.detach().clone() for x in (*shown, *past))
        with torch.enable_grad():
            graph = self._capture(run, (*sample, *moving), allow_unused_input=True)
        return _Form(graph, n_regions, carry.detach())

    def end(self) -> None:
        """Leave the gradients on the parameters of the nets."""
        self.runner.end()
        self._running = False


def _stimuli(items: Sequence[Item]) -> list[Tensor]:
    """Return the stimuli of all items that are different ones."""
    return [s for item in _different(items) for s in item["stimulus"]]


def _with_stimuli(items: Sequence[Item], stimuli: Sequence[Tensor]) -> list[Item]:
    """Return items that show other stimuli."""
    following = iter(stimuli)
    shown = {
        id(item): {**item, "stimulus": [next(following) for _ in item["stimulus"]]}
        for item in _different(items)
    }
    return [shown[id(item)] for item in items]


def _different(items: Sequence[Item]) -> list[Item]:
    return list({id(item): item for item in items}.values())


def _key(items: Sequence[Item], tensors: Sequence[Tensor]) -> Any:
    """Return what a graph cannot change: shapes, measured times, which nets share an item."""
    order = {id(item): k for k, item in enumerate(_different(items))}
    times = tuple(
        tuple(part["times"].tolist())
        for item in _different(items)
        for part in item.get("readouts", {"": item}).values()
    )
    return tuple(tuple(x.shape) for x in tensors), times, tuple(order[id(item)] for item in items)
