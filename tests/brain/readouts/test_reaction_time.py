"""ReactionTime recovers what speeds answers up, and how they are distributed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids.brain.readouts.reaction_time import ReactionTime
from drmbids.data.runs.reaction_times import reaction_time_stream
from drmbids.data.tools.exceptions import ModelError

STEP, LENGTH, SPREAD = 0.1, 0.3, 0.2


def readout() -> ReactionTime:
    return ReactionTime([2], [1], regions=["R"], length=LENGTH)


def drawn(recording, seed: int = 0, slope: float = -0.3):
    """Return runs of 100 trials; activity ``a`` before the deadline makes answers faster."""
    rng = np.random.default_rng(seed)
    onsets = 3.0 * np.arange(100)
    values = [np.repeat(rng.standard_normal((100, 2)), 30, axis=0) for _ in range(3)]
    brain = recording(values, STEP, onsets + LENGTH)
    runs = []
    for run, v in zip(brain.runs, values, strict=True):
        seconds = np.exp(np.log(0.6) + slope * v[::30, 0] + SPREAD * rng.standard_normal(100))
        seconds[7] = np.nan
        measured = reaction_time_stream(onsets, seconds, after=LENGTH)
        runs.append(replace(run, responses={"R": measured}))
    return brain, runs


def test_what_speeds_answers_up_is_recovered(recording) -> None:
    brain, runs = drawn(recording)
    model = brain.fitted(runs, readout())
    assert model.net.readout.weights[0].detach().ravel().tolist() == pytest.approx(
        [-0.3, 0.0], abs=0.05
    )
    assert model.net.readout.bias.exp().item() == pytest.approx(0.6, abs=0.03)


def test_quantiles_hold_the_share_of_held_out_answers_that_they_say(recording) -> None:
    brain, runs = drawn(recording)
    model = brain.fitted(runs[:2], readout())
    (first, second, held_out), _ = model.forward(brain.data(runs, readout()))
    known = [torch.tensor(r.responses["R"].values[:, 0]) for r in runs]
    errors = torch.cat(known[:2]) - torch.tensor(np.concatenate([first, second])[:, 0])
    at = [0.1, 0.5, 0.9]
    found = ReactionTime.quantiles(torch.tensor(held_out[:, 0]), errors, at)
    seconds = known[2].exp()
    answered = ~seconds.isnan()
    shares = (seconds[answered, None] < found[answered]).double().mean(0)
    assert shares.tolist() == pytest.approx(at, abs=0.1)


def test_nothing_is_found_where_activity_does_not_matter(recording) -> None:
    brain, runs = drawn(recording, slope=0.0)
    found = brain.fitted(runs, readout()).net.readout.weights[0].detach()
    assert found.abs().max() < 0.04


def test_faulty_quantiles() -> None:
    some = torch.zeros(3)
    with pytest.raises(ModelError, match="between 0 and 1"):
        ReactionTime.quantiles(some, some, [1.0])
    with pytest.raises(ModelError, match="two answered"):
        ReactionTime.quantiles(some, some * torch.nan, [0.5])
