"""The schedule of a net: which populations run together, in what order, in blocks of what length.

A population outside every loop gets its whole window in one call. Within a loop, delays allow
blocks: block ``k`` of population ``i`` covers the ticks ``[k L + r_i, (k + 1) L + r_i)``, with
offsets ``r`` such that all its afferents are there when it runs. The largest ``L`` is the least,
over loops, of the loop's delay divided by the number of its connections that point back in the
order (retiming of synchronous circuits: Leiserson and Saxe 1991, Algorithmica 6:5-35).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drmbids.data.tools.exceptions import ModelError

#: Delay in ticks by (to, from).
Delays = Mapping[tuple[int, int], int]

# All orders of a component are tried up to this size (720 orders); above it two are.
MAX_EXHAUSTIVE = 6


@dataclass(frozen=True)
class Stage:
    """Populations that run together.

    Parameters
    ----------
    members : tuple of int
        In the order in which they run.
    block : int or None
        Ticks in a block; None for a population outside every loop: the whole window at once.
    offsets : mapping of int to int
        Offset of each member's blocks in ticks, 0 or less.
    """

    members: tuple[int, ...]
    block: int | None
    offsets: Mapping[int, int]


def strong_components(n: int, delays: Delays) -> list[list[int]]:
    """Return the strongly connected components, sources first (Tarjan 1972, iterative)."""
    targets: list[list[int]] = [[] for _ in range(n)]
    for to, source in delays:
        targets[source].append(to)
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    found: list[list[int]] = []
    for root in range(n):
        if root in index:
            continue
        work = [(root, iter(targets[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, rest = work[-1]
            for nxt in rest:
                if nxt not in index:
                    index[nxt] = low[nxt] = len(index)
                    stack.append(nxt)
                    work.append((nxt, iter(targets[nxt])))
                    break
                if nxt in stack:
                    low[node] = min(low[node], index[nxt])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    found.append(sorted(stack[at:]))
                    del stack[at:]
    return found[::-1]


def offsets_for(order: Sequence[int], delays: Delays, block: int) -> dict[int, int] | None:
    """Return block offsets that satisfy every connection within ``order``, or None.

    A connection with delay ``d`` needs ``r_to <= r_from + d`` when its source runs earlier in the
    round, and ``r_to <= r_from + d - block`` when not (Bellman-Ford).
    """
    position = {node: k for k, node in enumerate(order)}
    inside = [
        (to, source, d - (block if position[source] >= position[to] else 0))
        for (to, source), d in delays.items()
        if to in position and source in position
    ]
    offsets = dict.fromkeys(order, 0)
    for _ in range(len(order) + 1):
        changed = False
        for to, source, slack in inside:
            if offsets[to] > offsets[source] + slack:
                offsets[to] = offsets[source] + slack
                changed = True
        if not changed:
            return offsets
    return None


def largest_block(order: Sequence[int], delays: Delays) -> tuple[int, dict[int, int]]:
    """Return the largest feasible block of an order, 0 if there is none, and its offsets."""
    members = set(order)
    upper = sum(d for (to, source), d in delays.items() if to in members and source in members)
    best, offsets = 0, dict.fromkeys(order, 0)
    # feasibility is monotone in the block length; doubling first, since a block that is too long
    # costs a full Bellman-Ford to find out and most are far below the sum of all delays
    low, high = 1, 1
    while high < upper and (found := offsets_for(order, delays, high)) is not None:
        best, offsets, low, high = high, found, high + 1, 2 * high
    high = min(high, max(upper, 1))
    while low <= high:
        middle = (low + high) // 2
        found = offsets_for(order, delays, middle)
        if found is None:
            high = middle - 1
        else:
            best, offsets, low = middle, found, middle + 1
    return best, offsets


def zero_delay_order(members: Sequence[int], delays: Delays, names: Sequence[str]) -> list[int]:
    """Return the members so that connections without delay point forward.

    Raises
    ------
    ModelError
        If connections without delay form a loop; the message names it.
    """
    sources = {
        to: [s for (t, s), d in delays.items() if t == to and d == 0 and s in members]
        for to in members
    }
    order: list[int] = []
    path: list[int] = []

    def visit(node: int) -> None:
        if node in order:
            return
        if node in path:
            loop = [*path[path.index(node) :], node][::-1]
            raise ModelError(
                "connections without delay form a loop: "
                + " -> ".join(names[k] for k in loop)
                + "; give at least one of them a delay (a learned one a delay_min) of a tick"
            )
        path.append(node)
        for source in sources[node]:
            visit(source)
        path.pop()
        order.append(node)

    for node in members:
        visit(node)
    return order


def downstream_order(members: Sequence[int], delays: Delays) -> list[int]:
    """Return the members in the order in which activity spreads from the first (depth first).

    In this order few connections point back, each of which shortens the blocks of its loops.
    """
    targets = {k: [to for (to, s) in delays if s == k and to in members] for k in members}
    seen: set[int] = set()
    finished: list[int] = []
    for root in members:
        work = [] if root in seen else [(root, iter(targets[root]))]
        seen.add(root)
        while work:
            node, rest = work[-1]
            step = next((to for to in rest if to not in seen), None)
            if step is None:
                finished.append(node)
                work.pop()
            else:
                seen.add(step)
                work.append((step, iter(targets[step])))
    return finished[::-1]


def make_schedule(n: int, delays: Delays, names: Sequence[str]) -> list[Stage]:
    """Return the stages of a net in the order in which they run.

    Parameters
    ----------
    n : int
        Number of populations.
    delays : mapping of (int, int) to int
        Delay in ticks by (to, from).
    names : sequence of str
        Names of the populations, for messages.

    Returns
    -------
    list of Stage

    Raises
    ------
    ModelError
        If connections without delay form a loop.

    Examples
    --------
    >>> make_schedule(2, {(1, 0): 1, (0, 1): 5}, ["V1", "V2"])
    [Stage(members=(0, 1), block=6, offsets={0: -1, 1: 0})]
    """
    stages = []
    for component in strong_components(n, delays):
        order = zero_delay_order(component, delays, names)
        if len(component) == 1 and (component[0], component[0]) not in delays:
            stages.append(Stage((component[0],), None, {component[0]: 0}))
            continue
        if len(component) <= MAX_EXHAUSTIVE:
            orders = list(itertools.permutations(component))
        else:
            along = zero_delay_order(downstream_order(component, delays), delays, names)
            orders = [tuple(order), tuple(along)]
        # the first of the best: which one must not depend on chance
        block, offsets, best = max(
            ((*largest_block(o, delays), o) for o in orders), key=lambda found: found[0]
        )
        stages.append(Stage(best, block, offsets))
    return stages
