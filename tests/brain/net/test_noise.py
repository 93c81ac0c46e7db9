"""Noise that populations draw themselves: the same wherever and whenever a run is computed."""

import pytest
import torch

from drmbids import BOLD, DRMConnection, DRMNet, DRMRegressor, Hopf, Run, Stream, Tracts
from drmbids.brain.modelfile.load import as_model
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.net.mass_loop import MassLoop
from drmbids.brain.populations.wong_wang import ReducedWongWang
from drmbids.data.tools.exceptions import UsageError
from drmbids.testing import check_population

NOISE = {"sigma": 0.5, "seed": 3}
MODEL = {
    "schema_version": 1,
    "resolution_s": 0.5,
    "stimuli": {"events": {"conditions": ["face"]}},
    "populations": {
        "V1": {"kind": "hopf", "units": 2, "values": {"a": -0.5}, "noise": NOISE},
        "V2": {"kind": "hopf", "units": 2, "values": {"a": -0.5}, "noise": NOISE},
    },
    "projections": [
        {"from": "events", "to": "V1"},
        {"from": "events", "to": "V2"},
        {"from": "V1", "to": "V2", "delay_s": 0.5},
        {"from": "V2", "to": "V1", "delay_s": 1.0},
    ],
    "readout": {"kind": "bold"},
}


def net(**noise: float) -> DRMNet:
    torch.manual_seed(0)
    model = {**MODEL, "populations": {
        name: {**part, "noise": {**NOISE, **noise}} for name, part in MODEL["populations"].items()
    }}  # fmt: skip
    return as_model(model).build(DataShape({"V1": 3, "V2": 2}, {"events": ("face",)}))


@torch.no_grad()
def activity(net: DRMNet, lengths: list[int], runs: list[int]) -> torch.Tensor:
    carry, parts = net.initial_carry(len(runs), runs), []
    for n_ticks in lengths:
        now, carry = net.run([torch.zeros(n_ticks, len(runs), 1)], carry)[::2]
        parts.append(torch.cat(now, -1))
    return torch.cat(parts)


def test_windows_batches_and_repeats_see_the_same_noise() -> None:
    brain = net()
    whole = activity(brain, [12], [0, 1])
    torch.testing.assert_close(activity(brain, [5, 1, 6], [0, 1]), whole)
    torch.testing.assert_close(activity(brain, [12], [1]), whole[:, 1:])
    assert torch.equal(activity(net(), [12], [0, 1]), whole)


def test_runs_populations_and_seeds_have_noise_of_their_own() -> None:
    whole = activity(net(), [12], [0, 1])
    assert (whole[:, 0] - whole[:, 1]).std() > 0.1
    assert (whole[..., :2] - whole[..., 2:]).std() > 0.1
    assert (whole[..., 0] - whole[..., 1]).std() > 0.1
    assert (activity(net(seed=4), [12], [0, 1]) - whole).std() > 0.1
    assert activity(net(sigma=1e-9), [12], [0]).std() < activity(net(), [12], [0]).std() / 2


def test_the_stateful_face_repeats_after_a_reset() -> None:
    brain = net()
    with torch.no_grad():
        for weight in brain.readout.weights:
            weight.fill_(1.0)
    item = {"stimulus": [torch.zeros(6, 2, 1)], "times": torch.tensor([1.0, 2.5]), "runs": [4, 2]}
    with torch.no_grad():
        first = brain(item)
        later = brain(item)
        brain.reset()
        assert torch.equal(brain(item), first) and not torch.equal(later, first)


def test_a_model_with_noise_is_fitted_and_predicts_the_same_twice() -> None:
    times = torch.arange(20.0).numpy() * 2.0
    rng = torch.Generator().manual_seed(0)

    def stream(n: int) -> Stream:
        return Stream(torch.randn(20, n, generator=rng).double().numpy(), times)

    face = {"events": Stream(torch.ones(20, 1).double().numpy(), times, columns=("face",))}
    runs = [Run({"V1": stream(3), "V2": stream(2)}, face, duration=40.0, tr=2.0) for _ in range(2)]
    fitted = [
        DRMRegressor(MODEL, n_epochs=2, random_state=0, window=w).fit(runs) for w in (None, 40.0)
    ]
    one, other = (estimator.predict(runs) for estimator in fitted)
    assert (one[0] == fitted[0].predict(runs)[0]).all()
    torch.testing.assert_close(torch.tensor(one[1]), torch.tensor(other[1]), rtol=1e-3, atol=1e-4)


def test_sigma_is_trained_by_its_gradient() -> None:
    check_population(
        lambda n, m: Hopf(n, m, noise={"sigma": 0.3, "seed": 1}, trainable=["sigma"]), n_ticks=5
    )


@pytest.mark.parametrize("kind", [Hopf, ReducedWongWang])
def test_a_compiled_brain_has_the_same_noise(kind: type) -> None:
    found = []
    for compiled in (False, True):
        mass = kind(2, 3, coupled=True, compiled=compiled, noise=NOISE)
        tracts = Tracts([[0.0, 1.0], [1.0, 0.0]], [[0.0, 20.0], [30.0, 0.0]], 10.0)
        brain = DRMNet(
            [mass], [DRMConnection()], [[tracts]], BOLD([2], [2]), 0.001, {"stimulus": 1}
        )
        assert isinstance(brain.groups.get((0,)), MassLoop) == compiled
        torch.manual_seed(0)
        mass.initialise_inputs(1)
        found.append(activity(brain, [4, 6], [3, 0]))
    torch.testing.assert_close(*found)


def test_noise_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match=r"noisy. or drawn by the population .noise., not both"):
        Hopf(1, 3, noisy=True, noise=NOISE)
    for wrong in ({"sigma": 0.1, "seed": 0.5}, {"seed": -1}, {"size": 1.0}):
        with pytest.raises(UsageError, match="noise takes sigma and seed, a whole number"):
            Hopf(1, 1, noise=wrong)
