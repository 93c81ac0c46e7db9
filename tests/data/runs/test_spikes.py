"""Spikes become counts in the bin they fall into, and impulses."""

import numpy as np
import pytest

from drmbids.data.runs.spikes import spike_events, spike_stream
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.exceptions import DataError


def test_counts_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    spikes = {name: rng.uniform(-1.0, 11.0, 300) for name in ("a", "b")}
    counts = spike_stream(spikes, bin=0.25, duration=10.1)
    edges = 0.25 * np.arange(41)
    wanted = [np.histogram(times[times < 10.0], edges)[0] for times in spikes.values()]
    np.testing.assert_array_equal(counts.values.T, wanted)
    np.testing.assert_allclose(counts.times, edges[1:])
    assert counts.columns == ("a", "b")


def test_a_spike_at_a_border_belongs_to_the_bin_that_starts_there() -> None:
    assert spike_stream({"a": [0.3]}, bin=0.1, duration=0.5).values.ravel().tolist() == [
        0,
        0,
        0,
        1,
        0,
    ]


def test_impulses_have_the_area_of_their_number() -> None:
    events = spike_events({"a": [0.02, 0.03, 0.5], "b": []})
    sampled = events.sample(TimeGrid(0.1, 10))
    np.testing.assert_allclose(sampled.sum(0) * 0.1, [3.0, 0.0])


def test_faulty_spikes() -> None:
    with pytest.raises(DataError, match="no bin"):
        spike_stream({"a": []}, bin=0.1, duration=0.05)
    with pytest.raises(DataError, match="cell 'a'"):
        spike_events({"a": [np.nan]})
