"""Balloon: units, regions, nonlinearity, and what a window forgets."""

import pytest
import torch

from drmbids.brain.readouts.balloon import BALLOON, BALLOON_LIMITS, LONGEST_STEP, Balloon
from drmbids.data.tools.exceptions import ModelError

TIMES = torch.arange(0.0, 30.0, 0.25, dtype=torch.float64)


def responses(readout: Balloon, size: float = 1.0, duration: float = 1.0) -> torch.Tensor:
    """Return the features of the first region for one block of activity at time 0."""
    n_ticks = round(30.0 / readout.resolution)
    activity = [torch.zeros(readout.memory + n_ticks, 1, n).double() for n in readout.n_units]
    for a in activity:
        a[readout.memory : readout.memory + round(duration / readout.resolution)] = size
    with torch.no_grad():
        return readout.features(activity, TIMES)[0][:, 0]


def make(resolution: float = 0.5, **options: object) -> Balloon:
    readout = Balloon([1], [1], **options).double()
    readout.set_resolution(resolution)
    return readout


def test_a_pulse_gives_a_response_of_known_shape() -> None:
    response = responses(make())[:, 0]
    assert 3.5 < TIMES[response.argmax()] < 6.0
    assert 8.0 < TIMES[response.argmin()] < 20.0 and response.min() < 0  # undershoot
    assert 0.001 < response.max() < 0.05  # a fraction of the signal at rest
    assert response[0].abs() < 1e-12


@pytest.mark.parametrize("constants", BALLOON)
def test_constants_are_within_limits_and_say_where_they_are_from(constants: str) -> None:
    rows = make(constants=constants).parameter_rows()
    assert [row["parameter"] for row in rows] == list(BALLOON_LIMITS)
    for row in rows:
        lower, upper = BALLOON_LIMITS[row["parameter"]]
        assert lower < row["value"] < upper and row["source"] and row["meaning"]
        assert row["value"] == pytest.approx(BALLOON[constants][row["parameter"]], rel=1e-5)
    assert {r["parameter"] for r in rows if r["trainable"]} == {
        "efficacy", "decay", "autoregulation", "transit",
    }  # fmt: skip
    assert not any(r["trainable"] for r in make(trainable=False).parameter_rows())


def test_strong_activity_saturates_and_weak_activity_adds_up() -> None:
    readout = make()
    weak, twice, strong = (responses(readout, size, 10.0) for size in (0.001, 0.002, 3.0))
    torch.testing.assert_close(twice, 2 * weak, rtol=5e-3, atol=1e-8)
    assert strong.max() < 0.8 * 3000 * weak.max()


def test_the_resolution_does_not_matter() -> None:
    fine, coarse = (responses(make(resolution)) for resolution in (0.05, 1.0))
    assert 1.0 / LONGEST_STEP > 4  # parts of the coarse tick
    assert (fine - coarse).abs().max() < 0.02 * fine.max()


def test_what_a_window_forgets() -> None:
    """The error of starting at rest falls as it is said to, whatever happened before."""
    errors = []
    whole = make(length=120.0)
    activity = torch.rand(whole.memory + 40, 1, 1, generator=torch.Generator().manual_seed(0))
    times = torch.arange(0.0, 20.0, 1.0, dtype=torch.float64)
    wanted = whole.features([activity.double()], times)[0]
    for length in (20.0, 40.0, 64.0):
        short = make(length=length)
        got = short.features([activity[-short.memory - 40 :].double()], times)[0]
        errors.append(((got - wanted).abs().max() / wanted.std()).item())
        assert errors[-1] < 10 * torch.exp(torch.tensor(-0.32 * length))
    assert errors[0] > errors[1] > errors[2]


def test_regions_have_their_own_parameters_or_share_them() -> None:
    readout = Balloon([2, 1], [1, 1], sources=[[0, 1], [1]], per_region=True).double()
    readout.set_resolution(0.5)
    readout.set_value("transit", torch.tensor([0.6, 4.0]))
    activity = [torch.rand(readout.memory + 8, 3, n).double() for n in (2, 1)]
    times = torch.tensor([1.0, 3.9], dtype=torch.float64)
    first, second = readout.features(activity, times)
    assert first.shape == (2, 3, 3) and second.shape == (2, 3, 1)
    for region, transit in ((0, 0.6), (1, 4.0)):
        shared = Balloon([2, 1], [1, 1], sources=[[0, 1], [1]]).double()
        shared.set_resolution(0.5)
        shared.set_value("transit", transit)
        torch.testing.assert_close(
            shared.features(activity, times)[region], (first, second)[region]
        )
    assert not torch.allclose(first[..., 2:], second)


def test_many_models_at_once() -> None:
    """Models side by side are run under vmap."""
    readout = make()
    activity = [torch.rand(readout.memory + 6, 1, 1).double()]
    values = torch.tensor([[-0.5], [0.0], [0.5]]).double()

    def features(free: torch.Tensor) -> torch.Tensor:
        with_free = {"free_transit": free}
        return torch.func.functional_call(_Features(readout), {
            f"readout.{name}": value for name, value in with_free.items()
        }, (activity, TIMES[:8]))  # fmt: skip

    together = torch.vmap(features)(values)
    torch.testing.assert_close(together, torch.stack([features(v) for v in values]))


class _Features(torch.nn.Module):
    """The features of a readout as a module call."""

    def __init__(self, readout: Balloon):
        super().__init__()
        self.readout = readout

    def forward(self, activity: list[torch.Tensor], times: torch.Tensor) -> torch.Tensor:
        return self.readout.features(activity, times)[0]


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="unknown constants 'buxton'; choose one of: stephan2007"):
        make(constants="buxton")
    with pytest.raises(ModelError, match="echo_time > 0 and length > 0, got -1"):
        make(echo_time=-1)
    with pytest.raises(ModelError, match="echo_time > 0 and length > 0"):
        make(length=0.0)
