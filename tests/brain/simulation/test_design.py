"""Random events, motion and gains."""

from collections import Counter

import numpy as np
import pytest

from drmbids import DRMNet
from drmbids.brain.simulation.design import MOTION_COLUMNS, draw_gains, random_events, random_motion
from drmbids.data.tools.exceptions import UsageError


def test_events_follow_each_other_within_the_run() -> None:
    events = random_events(["a", "b", "c"], 200.0, np.random.default_rng(3))
    ends = events.onsets + events.durations
    assert (events.onsets[1:] - ends[:-1] >= 2.0 - 0.1).all()
    assert ends[-1] <= 200.0
    counts = Counter(events.conditions)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert events.columns == ("a", "b", "c")


def test_a_run_without_room_for_events_is_refused() -> None:
    with pytest.raises(UsageError, match="no room"):
        random_events(["a"], 5.0, np.random.default_rng(0))


def test_motion_is_smooth_and_small() -> None:
    motion = random_motion(2.0 * np.arange(300), np.random.default_rng(0))
    assert motion.columns == MOTION_COLUMNS
    assert np.abs(motion.values[:, :3]).max() < 3.0
    assert (np.diff(motion.values, axis=0).std(0) < motion.values.std(0)).all()


def test_gains_are_positive_but_for_silent_targets(net: DRMNet) -> None:
    draw_gains(net, np.random.default_rng(0), mean=10.0, silent=0.5)
    for weights in net.readout.weights:
        assert int((weights == 0).all(0).sum()) == 1
        assert bool((weights >= 0).all())
