"""Masses that users write: inputs, noise, compiled and not, and what is refused."""

from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from drmbids import Hopf, ReducedWongWang
from drmbids.brain.populations.mass import Constant, Mass
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.loops.integrators import INTEGRATORS
from drmbids.testing import check_population


class Adapting(Mass):
    """A rate that tires.

    Examples
    --------
    >>> Adapting(2, 3).n_units
    2
    """

    variables, start = ("rate", "trace"), (0.2, 0.1)
    constants: ClassVar = {
        "tau": Constant(0.3, "s", "time constant of the rate", 0.0),
        "slow": Constant(2.0, "s", "time constant of the trace", 0.0),
        "gain": Constant(1.5, "1", "how much the trace takes away"),
    }

    def derivative(self, state: Any, drive: Tensor, p: Any) -> Any:
        rate, trace = state
        wanted = torch.tanh(drive - p["gain"] * trace)
        return (wanted - rate) / p["tau"], (rate - trace) / p["slow"]


ALL = {"trainable": ("tau", "slow", "gain")}
MASSES = {
    "adapting": (Adapting, ("tau", "slow", "gain")),
    "wong_wang": (ReducedWongWang, tuple(ReducedWongWang.constants)),
    "hopf": (Hopf, tuple(Hopf.constants)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", MASSES)
def test_masses_keep_the_contract(name: str, compiled: bool) -> None:
    kind, constants = MASSES[name]
    check_population(partial(kind, trainable=constants, compiled=compiled))


def test_masses_with_coupling_and_noise_keep_the_contract() -> None:
    options = {"coupled": True, "noisy": True, "trainable": ("gain", "sigma"), "n_substeps": 2}
    check_population(partial(Adapting, **options), n_units=2, n_inputs=2 + 4 + 1)
    check_population(partial(Adapting, **options, compiled=True), n_units=2, n_inputs=2 + 4)


def pair(**options: Any) -> tuple[Adapting, Adapting]:
    """Return one population twice, the second compiled."""
    torch.manual_seed(0)
    plain = Adapting(3, 2 + 6 + 3, coupled=True, noisy=True, **options).double()
    machine = Adapting(3, 2 + 6 + 3, coupled=True, noisy=True, compiled=True, **options).double()
    machine.load_state_dict(plain.state_dict())
    return plain, machine


@pytest.mark.parametrize(
    ("integrator", "n_substeps"), [*((name, 1) for name in INTEGRATORS), ("heun", 3)]
)
def test_compiled_is_the_same(integrator: str, n_substeps: int) -> None:
    trained = ("tau", "gain", "sigma")
    values = {"tau": [0.2, 0.3, 0.4]}
    results = []
    for mass in pair(
        integrator=integrator, n_substeps=n_substeps, trainable=trained, values=values
    ):
        torch.manual_seed(1)
        x = torch.randn(7, 2, 11, dtype=torch.float64, requires_grad=True)
        state = mass.initial_state(2).requires_grad_()
        activity, end = mass([x[..., :4], x[..., 4:]], state)
        (activity.square().sum() + end.sum()).backward()
        grads = [mass.weight.grad, *(getattr(mass, f"free_{n}").grad for n in trained)]
        results.append([activity, end, x.grad, state.grad, *grads])
    for plain, machine in zip(*results, strict=True):
        torch.testing.assert_close(machine, plain, rtol=1e-10, atol=1e-12)


def test_inputs_are_stimuli_then_noise_then_coupling() -> None:
    mass, _ = pair()
    with torch.no_grad():
        mass.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    mass.set_value("sigma", 0.5)
    x = torch.arange(1.0, 12.0, dtype=torch.float64).reshape(1, 1, 11)
    scale = 0.5 / mass.resolution**0.5
    wanted = [[1.0 + 9, 4.0 + 10, 11.0], [3 * scale, 4 * scale, 5 * scale]]
    wanted.append([6 * scale, 7 * scale, 8 * scale])
    torch.testing.assert_close(mass.received(x)[0, 0], torch.tensor(wanted).double())
    without = mass.received(x[..., :8])[0, 0, 0].tolist()
    assert without == [1.0, 4.0, 0.0]


def test_noise_moves_by_sigma_times_the_root_of_time() -> None:
    """``dx = -x / tau dt + sigma dW`` has variance ``sigma^2 tau / 2``; none without sigma."""
    decay = Adapting(2000, 4000, noisy=True, values={"gain": 0.0, "tau": 0.3, "sigma": 0.2})
    decay.set_resolution(0.01)
    noise = decay.draw_noise(400, 1, seed=3)
    with torch.no_grad():
        activity, _ = decay([noise], decay.initial_state(1))
        still, _ = decay([0 * noise], decay.initial_state(1))
    assert activity[-1].var().item() == pytest.approx(0.2**2 * 0.3 / 2, rel=0.1)
    assert still[-1].std().item() < 1e-7


def test_noise_is_that_of_the_seed() -> None:
    mass = Adapting(2, 4, noisy=True)
    before = torch.random.get_rng_state()
    noise = mass.draw_noise(5, 3, seed=1)
    assert noise.shape == (5, 3, 4)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(noise, mass.draw_noise(5, 3, seed=1))
    assert not torch.equal(noise, mass.draw_noise(5, 3, seed=2))


def test_constants_of_one_unit_each_and_their_table() -> None:
    mass = Adapting(2, 1, values={"tau": [0.2, 0.4], "gain": 3.0}, trainable=("tau",))
    rows = [(r["parameter"], r["index"], r["unit"], r["trainable"]) for r in mass.parameter_rows()]
    assert rows == [
        ("tau", 0, "s", True),
        ("tau", 1, "s", True),
        ("slow", 0, "s", False),
        ("gain", 0, "1", False),
    ]
    torch.testing.assert_close(mass.value("tau"), torch.tensor([0.2, 0.4]))
    assert mass.value("gain").item() == 3.0


def test_input_weights() -> None:
    assert Adapting(3, 2).input_weights().shape == (3, 2)
    assert Adapting(3, 5, coupled=True).input_weights() is None
    mass = Adapting(3, 5, coupled=True)
    mass.initialise_inputs(5)
    assert mass.weight.argmax(1).tolist() == [0, 1, 0]
    Adapting(3, 3, coupled=True).initialise_inputs(0)  # none to draw


def test_a_derivative_that_is_not_elementwise_runs_only_uncompiled() -> None:
    class Mixing(Adapting):
        """Units that see their mean."""

        def derivative(self, state: Any, drive: Tensor, p: Any) -> Any:
            rate, trace = super().derivative(state, drive, p)
            return rate - state[0].mean(-1, keepdim=True), trace

    x = [torch.zeros(3, 1, 2)]
    plain, machine = Mixing(2, 2), Mixing(2, 2, compiled=True)
    assert plain(x, plain.initial_state(1))[0].shape == (3, 1, 2)
    with pytest.raises(ModelError, match="operation 'mean' cannot be compiled for single units"):
        machine(x, machine.initial_state(1))


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="Adapting has no constant 'taus'; there are: tau, slow"):
        Adapting(1, 1, values={"taus": 1.0})
    with pytest.raises(ModelError, match="no constant 'sigma'"):
        Adapting(1, 1, trainable=["sigma"])  # without noise
    with pytest.raises(ModelError, match="unknown integrator 'leapfrog'"):
        Adapting(1, 1, integrator="leapfrog")
    with pytest.raises(UsageError, match="3 values of tau for 2 units"):
        Adapting(2, 1, values={"tau": [1.0, 2.0, 3.0]})
    with pytest.raises(UsageError, match=r"-1 must lie between 0"):
        Adapting(2, 1, values={"tau": -1.0})
    with pytest.raises(UsageError, match=r"of 2 units has 5 inputs; coupled=True, noisy=T.* 6"):
        Adapting(2, 5, coupled=True, noisy=True)

    class Short(Adapting):
        """One slope too few."""

        def derivative(self, state: Any, drive: Tensor, p: Any) -> Any:
            return (drive,)

    mass = Short(1, 1)
    with pytest.raises(ModelError, match="gives 1 tensors for the variables rate, trace"):
        mass([torch.zeros(1, 1, 1)], mass.initial_state(1))
