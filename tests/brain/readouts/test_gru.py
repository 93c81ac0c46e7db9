"""GRUReadout: the states are those of cells gone through by hand, and forget what is over."""

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.readouts.gru import GRUReadout, linear_recurrence
from drmbids.data.tools.exceptions import ModelError

TIMES = torch.tensor([0.4, 3.0, 7.7], dtype=torch.float64)


def make(**options: object) -> GRUReadout:
    torch.manual_seed(0)
    readout = GRUReadout([2, 1], [3, 4], sources=[[0, 1], [1]], **options).double()
    readout.set_resolution(0.5)
    return readout


def activity_of(readout: GRUReadout, n_ticks: int = 16) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(1)
    return [torch.randn(readout.memory + n_ticks, 2, n, generator=make).double() for n in (2, 1)]


def test_states_are_those_of_cells_one_delay_after_the_other() -> None:
    readout = make(features_per_unit=2, n_delays=5, length=6.0)
    activity = activity_of(readout)
    got = readout.features(activity, TIMES)
    assert [x.shape for x in got] == [(3, 2, 6), (3, 2, 2)]
    for region, sources in ((0, (0, 1)), (1, (1,))):
        seen = torch.cat([activity[s] for s in sources], -1)
        cell = nn.GRUCell(seen.shape[-1], 2 * seen.shape[-1]).double()
        cell.load_state_dict(
            {k.removesuffix("_l0"): v for k, v in readout.memories[region].state_dict().items()}
        )
        middles = (torch.arange(len(seen)) - readout.memory + 0.5).double() * 0.5
        for row, time in enumerate(TIMES):
            state = torch.zeros(2, 2 * seen.shape[-1]).double()
            for delay in (5.0, 4.0, 3.0, 2.0, 1.0):
                tent = (1 - (time - middles - delay).abs()).clamp(min=0.0)
                state = cell(0.5 * torch.einsum("t,tbn->bn", tent, seen), state)
            torch.testing.assert_close(got[region][row], state)


def test_nothing_before_the_memory_matters() -> None:
    readout = make(length=6.0)
    activity = activity_of(readout)
    changed = [torch.cat([a[:4] + 9.0, a[4:]]) for a in activity]
    late = TIMES[1:]  # 6 s before 3 s is after the first 4 ticks
    for got, wanted in zip(
        readout.features(changed, late), readout.features(activity, late), strict=True
    ):
        assert torch.equal(got, wanted)
    early = readout.features(changed, TIMES[:1])[0]
    assert not torch.allclose(early, readout.features(activity, TIMES[:1])[0])


def test_the_response_depends_on_what_came_before() -> None:
    readout = make()
    one, other = activity_of(readout), [torch.zeros_like(a) for a in activity_of(readout)]
    one, other[0][readout.memory + 2] = [30 * a for a in one], 60.0  # far from where it is linear
    rest = [torch.zeros_like(a) for a in one]
    both = [a + b for a, b in zip(one, other, strict=True)]
    first, second, zero, summed = (readout.features(a, TIMES)[0] for a in (one, other, rest, both))
    assert not torch.allclose(summed - zero, first + second - 2 * zero, atol=1e-3)


def test_units_start_at_the_canonical_response(truth: ModuleType) -> None:
    """To activity of any size below 1: they are linear, and their states make it up."""
    readout = GRUReadout([1], [1]).double()
    readout.set_resolution(0.5)
    events = (torch.rand(240, 1, 1, generator=torch.Generator().manual_seed(2)) < 0.1).double()
    activity = torch.cat([torch.zeros(readout.memory, 1, 1).double(), events])
    times = torch.arange(0.0, 120.0, 1.5, dtype=torch.float64)
    (states,) = readout.features([activity], times)
    fine = events[:, 0].numpy().repeat(100, 0)
    wanted = truth.bold(np.concatenate([np.zeros((1, 1)), fine]), times.numpy(), length=20.0)
    x, y = states[:, 0].detach().numpy(), wanted[:, 0]
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    assert left.var() < 0.01 * y.var()
    (twice,) = readout.features([2 * activity], times)
    largest = states.detach().abs().max().item()
    torch.testing.assert_close(twice, 2 * states, rtol=0.0, atol=0.03 * largest)


def test_a_recurrence_follows_the_response_that_it_was_made_for() -> None:
    rates = np.array([0.6, 0.2])
    response = rates[0] ** np.arange(20) - rates[1] ** np.arange(20)
    A, b = linear_recurrence(response, 2)
    assert np.sort(np.linalg.eigvals(A).real) == pytest.approx([0.2, 0.6], abs=1e-3)
    states = np.stack([np.linalg.matrix_power(A, k) @ b for k in range(20)])
    mixed = states @ np.linalg.lstsq(states, response, rcond=None)[0]
    np.testing.assert_allclose(mixed, response, atol=1e-3)


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="n_delays=0"):
        make(n_delays=0)
    with pytest.raises(ModelError, match="features_per_unit"):
        make(features_per_unit=0)
