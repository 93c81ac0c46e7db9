"""The length of a tick where a model file leaves it open.

Beside a simulator of 5 ms steps (two leaky areas, feed-forward and with feedback of -0.8; time
constants of 0.1 to 1 s, delays of 0.25 to 1 s; BOLD each second; ``benchmarks/ticks.py``), ticks of
0.5 s err by at most 2.5 % of a series' standard deviation and 0.015 s of a delay where events last
0.5 s or more, and by 8 % and 0.025 s where they last 0.1 s; ticks of 0.25 s by 0.7 % and 0.003 s,
and by 2.3 % and 0.008 s. Time constants made no difference down to a tenth of a tick, since their
equations are solved exactly. What a tick cannot show is a delay shorter than itself.
"""

import math
from collections.abc import Iterator

from drmbids.brain.modelfile.problems import Problem
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.data.runs.time import TICK_TOLERANCE

#: Longest tick in seconds; and with events shorter than half of it, twice as long as the shortest,
#: but no shorter than this.
LONGEST_TICK, BRIEF_TICK = 0.5, 0.25
#: Ticks in a repetition time up to which one is looked for that all fixed delays are multiples of.
MOST_TICKS = 100


def settled_resolution(spec: StatedModel, shape: DataShape, problems: list[Problem]) -> float:
    """Return the seconds per tick of a model, and add to the problems where they are not known.

    ``auto`` is the largest whole fraction of the repetition time that is not above 0.5 s, nor above
    the shortest delay that the model states, nor above twice the shortest event or 0.25 s,
    whichever is more. All fixed delays are multiples of it if any of up to 100 ticks in a
    repetition time divides them.

    Parameters
    ----------
    spec : StatedModel
    shape : DataShape
    problems : list of Problem
        Added to.
    """
    if spec.resolution_s != "auto":
        return spec.resolution_s
    times = shape.repetition_times
    if len(times) != 1:
        found = (
            f"the runs have {', '.join(f'{t:g} s' for t in times)}" if times else "no run has one"
        )
        message = f"auto needs one repetition time, {found}; give it in seconds"
        problems.append(Problem(("resolution_s",), message))
        return LONGEST_TICK
    delays = list(_delays(spec))
    longest = min([LONGEST_TICK, *(delay for delay, _ in delays)])
    if shape.shortest_event is not None:
        longest = min(longest, max(BRIEF_TICK, 2 * shape.shortest_event))
    fewest = math.ceil(times[0] / longest - TICK_TOLERANCE)
    fixed = [delay for delay, is_fixed in delays if is_fixed]
    for n in range(fewest, MOST_TICKS + 1):
        if all(_is_whole(delay * n / times[0]) for delay in fixed):
            return times[0] / n
    return times[0] / fewest  # with which delays are refused by name


def _delays(spec: StatedModel) -> Iterator[tuple[float, bool]]:
    """Yield all delays above 0 that are stated in seconds, and whether they are fixed."""
    for projection in spec.projections:
        if projection.delay_s:
            yield projection.delay_s, not projection.limited
        yield from ((gate.delay_s, True) for gate in projection.gates if gate.delay_s)


def _is_whole(ticks: float) -> bool:
    return abs(ticks - round(ticks)) <= TICK_TOLERANCE
