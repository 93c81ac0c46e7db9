"""Tasks: trials have the statistics that they state, and a net learns to do them."""

import numpy as np
import pandas as pd
import pytest

from drmbids.data.runs.time import TimeGrid
from drmbids.data.tasks import TASKS
from drmbids.data.tasks.delayed_response import DelayedResponse
from drmbids.data.tasks.perceptual_decision import PerceptualDecision
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.classifier import DRMClassifier


@pytest.mark.parametrize("name", TASKS)
def test_every_task_keeps_the_contract(name: str) -> None:
    """Runs are complete, agree with the table, repeat with the seed, and differ between runs."""
    task = TASKS[name]()
    runs, trials = task.draw(n_runs=3, n_trials=16, random_state=5)
    assert [run.entities["run"] for run in runs] == ["1", "2", "3"]
    for run in runs:
        mine = trials[trials["run"] == run.entities["run"]]
        choice, shown = run.responses["choice"], run.stimuli["task"]
        assert choice.columns == task.answers and shown.columns == task.inputs
        np.testing.assert_allclose(choice.times, mine["answer_time"])
        chosen = np.array(choice.columns)[choice.values.argmax(1)]
        assert chosen.tolist() == mine["answer"].tolist()
        assert run.duration == pytest.approx(16 * task.trial_length)
        assert (np.diff(mine["onset"]).round(6) == round(task.trial_length, 6)).all()
        assert (mine["answer_time"] < mine["onset"] + task.trial_length).all()
    again, table = task.draw(n_runs=2, n_trials=16, random_state=5)
    pd.testing.assert_frame_equal(table, trials[trials["run"] != "3"])
    np.testing.assert_array_equal(again[1].stimuli["task"].values, runs[1].stimuli["task"].values)
    assert not np.array_equal(runs[0].stimuli["task"].values, runs[1].stimuli["task"].values)
    with pytest.raises(UsageError, match="n_runs=0"):
        task.draw(0, 16)


def test_the_ideal_observer_is_as_good_as_stated() -> None:
    """Adding up all the evidence gives the stated accuracy at each coherence."""
    task = PerceptualDecision(coherences=(0.0, 0.1, 0.3))
    runs, trials = task.draw(n_runs=1, n_trials=3000, random_state=1)
    evidence = runs[0].stimuli["task"].values.reshape(3000, -1, 2)
    guess = np.where(np.diff(evidence.sum(1), axis=1)[:, 0] > 0, "right", "left")
    right = trials.assign(hit=guess == trials["answer"]).groupby("coherence")["hit"].mean()
    expected = [task.ideal_accuracy(c) for c in task.coherences]
    assert expected[0] == 0.5 and 0.6 < expected[1] < 0.8 < expected[2]
    np.testing.assert_allclose(right, expected, atol=0.045)  # 1000 trials each
    assert PerceptualDecision(noise=0.0).ideal_accuracy(0.032) == 1.0


def test_coarser_samples_carry_the_same_evidence() -> None:
    """Noise is white: its strength over a second does not depend on the step."""
    for step in (0.02, 0.1):
        task = PerceptualDecision(coherences=(0.0,), step=step)
        values = task.draw(1, 400)[0][0].stimuli["task"].values.reshape(400, -1, 2)
        shown = values[:, : round(task.length / step)]
        assert shown.mean(1).std() == pytest.approx(task.noise / task.length**0.5, rel=0.08)


def test_evidence_on_ticks_is_what_was_drawn() -> None:
    """A net whose ticks are the samples sees each of them, neither shifted nor averaged."""
    task = PerceptualDecision()
    stream = task.draw(1, 12)[0][0].stimuli["task"]
    grid = TimeGrid.covering(12 * task.trial_length, task.step)
    np.testing.assert_allclose(stream.sample(grid), stream.values, atol=1e-9)


def test_a_cue_is_gone_when_it_is_asked_for() -> None:
    task = DelayedResponse(n_places=3, noise=0.0)
    runs, trials = task.draw(1, 30, random_state=2)
    values = runs[0].stimuli["task"].values.reshape(30, -1, 4)
    times = (np.arange(values.shape[1]) + 0.5) * task.step
    places = np.array(task.answers)
    assert (places[values[:, 0, :3].argmax(1)] == trials["answer"]).all()
    assert not values[:, times > task.cue, :3].any()
    for k, row in trials.iterrows():
        asked = times[values[int(k), :, 3] > 0]
        assert row["answer_time"] - row["onset"] - task.go <= asked[0] + 1e-9
        assert asked[-1] < row["answer_time"] - row["onset"]
    assert trials["delay"].between(*task.delays).all() and trials["delay"].nunique() > 20


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: PerceptualDecision(coherences=(0.5, 1.2)), "coherences"),
        (lambda: PerceptualDecision(length=0.0), "positive"),
        (lambda: DelayedResponse(n_places=1), "two places"),
        (lambda: DelayedResponse(delays=(2.0, 1.0)), "shortest"),
        (lambda: DelayedResponse(cue=0.0), "positive"),
    ],
)
def test_settings_that_make_no_task_are_refused(wrong, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wrong()


def test_a_net_learns_to_decide() -> None:
    """Close to the ideal observer on runs it has not seen; at chance with answers shuffled."""
    task = PerceptualDecision(coherences=(0.1, 0.5))
    runs, _ = task.draw(n_runs=4, n_trials=60)
    model = {
        "schema_version": 1,
        "resolution_s": 0.1,
        "stimuli": {"task": {}},
        "populations": {"LIP": {"kind": "leaky", "units": 8}},
        "projections": [{"from": "task", "to": "LIP"}],
        "readout": {"kind": "choice", "length_s": 0.2},
    }
    trained = DRMClassifier(model, n_epochs=40, random_state=0).fit(runs[:3])
    ideal = np.mean([task.ideal_accuracy(c) for c in task.coherences])
    assert trained.score(runs[3:]) > ideal - 0.12
    activity = trained.activity(runs[3])
    assert activity["LIP"].shape == (round(runs[3].duration / 0.1), 8)
