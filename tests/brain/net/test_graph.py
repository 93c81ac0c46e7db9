"""Schedules: order, block length by definition, and loops without delay."""

import itertools
import random
from collections.abc import Callable, Mapping

import pytest

from drmbids.brain.net.engine import block_bounds
from drmbids.brain.net.graph import MAX_EXHAUSTIVE, make_schedule, strong_components
from drmbids.data.tools.exceptions import ModelError

Delays = Mapping[tuple[int, int], int]


def names(n: int) -> list[str]:
    return [f"P{k}" for k in range(n)]


def simple_loops(members: tuple[int, ...], delays: Delays) -> list[tuple[int, ...]]:
    """Return every loop without repeated populations, by trying all sequences."""
    found = []
    for size in range(1, len(members) + 1):
        for loop in itertools.permutations(members, size):
            arcs = zip(loop, (*loop[1:], loop[0]), strict=True)
            if loop[0] == min(loop) and all((to, source) in delays for source, to in arcs):
                found.append(loop)
    return found


def largest_by_definition(members: tuple[int, ...], delays: Delays) -> int:
    """Return the largest over orders of the least over loops of delay per backward arc."""
    best, loops = 0, simple_loops(members, delays)
    for order in itertools.permutations(members):
        at = {node: k for k, node in enumerate(order)}
        least = min(
            sum(delays[to, source] for source, to in arcs)
            // sum(at[source] >= at[to] for source, to in arcs)
            for loop in loops
            for arcs in [list(zip(loop, (*loop[1:], loop[0]), strict=True))]
        )
        best = max(best, least)
    return best


def check_runnable(n: int, delays: Delays, n_ticks: int = 40) -> None:
    """Raise unless every block finds all it needs, when stages run as the schedule says."""
    done = [0] * n
    for stage in make_schedule(n, delays, names(n)):
        if stage.block is not None:
            assert stage.block >= 1
        bounds = block_bounds(stage, n_ticks)
        for k in range(len(bounds[stage.members[0]])):
            for node in stage.members:
                start, stop = bounds[node][k]
                if stop <= start:
                    continue
                assert start == done[node]
                for (to, source), ticks in delays.items():
                    if to != node:
                        continue
                    inside = source in stage.members and stage.block is not None
                    # what enters from outside is asked for the whole window at once
                    needed = (stop if inside else n_ticks) - ticks
                    assert done[source] >= needed, (stage, node, source)
                done[node] = stop
    assert done == [n_ticks] * n


@pytest.mark.parametrize("seed", range(60))
def test_block_is_the_largest_by_definition(seed: int, draw_delays: Callable) -> None:
    draw = random.Random(seed)
    n = draw.randint(1, 4)
    delays = draw_delays(draw, n)
    for stage in make_schedule(n, delays, names(n)):
        if stage.block is None:
            assert not simple_loops(stage.members, delays)
        else:
            assert stage.block == largest_by_definition(stage.members, delays)
    check_runnable(n, delays)


@pytest.mark.parametrize("seed", range(20))
def test_large_components_always_have_a_block(seed: int, draw_delays: Callable) -> None:
    draw = random.Random(seed)
    n = draw.randint(MAX_EXHAUSTIVE + 1, 14)
    ring = {(k, (k + 1) % n): draw.randint(1, 4) for k in range(n)}
    delays = {**draw_delays(draw, n), **ring}
    assert any(len(c) > MAX_EXHAUSTIVE for c in strong_components(n, delays))
    check_runnable(n, delays)


def test_a_long_ring_has_long_blocks_whatever_the_names() -> None:
    n = MAX_EXHAUSTIVE + 1
    (stage,) = make_schedule(n, {(k, (k + 1) % n): 1 for k in range(n)}, names(n))
    assert stage.block == n


def test_a_whole_cortex() -> None:
    draw = random.Random(0)
    n = 68
    rank = draw.sample(range(n), n)
    delays = {
        (to, source): draw.randint(0 if rank[source] < rank[to] else 1, 20)
        for to in range(n)
        for source in range(n)
        if to != source
    }
    assert 0 in delays.values()
    check_runnable(n, delays, n_ticks=25)


def test_components_come_sources_first() -> None:
    delays = {(1, 0): 1, (2, 1): 1, (1, 2): 1, (3, 2): 0, (4, 4): 2}
    order = strong_components(5, delays)
    assert sorted(map(tuple, order)) == [(0,), (1, 2), (3,), (4,)]
    assert order.index([0]) < order.index([1, 2]) < order.index([3])


@pytest.mark.parametrize(
    ("delays", "loop"),
    [
        ({(0, 0): 0}, "P0 -> P0"),
        ({(1, 0): 0, (0, 1): 0}, "P0 -> P1 -> P0|P1 -> P0 -> P1"),
        (
            {(1, 0): 0, (2, 1): 0, (0, 2): 0, (1, 2): 3},
            "P0 -> P1 -> P2 -> P0|P1 -> P2 -> P0 -> P1|P2 -> P0 -> P1 -> P2",
        ),
    ],
)
def test_loop_without_delay_is_refused_by_name(delays: Delays, loop: str) -> None:
    with pytest.raises(ModelError, match=f"without delay form a loop: ({loop});"):
        make_schedule(3, delays, names(3))


def test_loop_without_delay_in_a_large_component_is_refused() -> None:
    n = 10
    delays = {(k, k - 1): 1 for k in range(1, n)} | {(0, n - 1): 1, (4, 3): 0, (3, 4): 0}
    with pytest.raises(ModelError, match=r"P3 -> P4 -> P3|P4 -> P3 -> P4"):
        make_schedule(n, delays, names(n))
