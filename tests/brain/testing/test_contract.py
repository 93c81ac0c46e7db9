"""Every registered component keeps its contract, in every variant that its sizes allow."""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from drmbids.brain.connections import CONNECTIONS, PLASTICITY, SYNAPSES, WEIGHTS
from drmbids.brain.losses import LOSSES
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.populations.base import NONLINEARITIES
from drmbids.brain.populations.mass import Mass
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.data.tools.registry import Registry
from drmbids.testing import (
    check_connection,
    check_fixed_delay,
    check_hrf,
    check_loss,
    check_population,
    check_readout,
    check_synapse,
    check_weights,
)

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    ),
]
#: How each connection is built for a source of three units.
BUILT = {
    "delay": CONNECTIONS["delay"],
    "gate": partial(CONNECTIONS["gate"], "task", 3, n_units=3, gain=0.3, delay=0.2),
    "learned_delay": partial(CONNECTIONS["learned_delay"], 0.33, delay_min=0.1, delay_max=0.7),
    "tracts": partial(
        CONNECTIONS["tracts"],
        weights=[[0.0, 2.0, -1.0], [0.5, 0.0, 0.0]],
        lengths=[[0.0, 500.0, 830.0], [210.0, 0.0, 0.0]],
        velocity=1.3,
        velocity_min=1.0,
        velocity_max=2.0,
        trainable=("velocity", "strength", "weights"),
    ),
}
CHECKS: list[tuple[Registry, Callable[..., None]]] = [
    (POPULATIONS, check_population),
    (CONNECTIONS, check_connection),
    (READOUTS, check_readout),
    (HRFS, check_hrf),
    (LOSSES, check_loss),
    (WEIGHTS, check_weights),
    (SYNAPSES, check_synapse),
    (PLASTICITY, check_synapse),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("registry", "check", "name"),
    [
        pytest.param(registry, check, name, id=f"{registry.kind}-{name}")
        for registry, check in CHECKS
        for name in registry
    ],
)
def test_contract(registry: Registry, check: Callable[..., None], name: str, device: str) -> None:
    component = registry[name]
    if registry is CONNECTIONS:
        check(BUILT[name], device=device)
    elif registry is HRFS:
        check(lambda n_regions: component(n_regions=n_regions), device=device)
    else:
        check(component, device=device)


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize("name", ["additive", "leaky"])
def test_contract_with_every_nonlinearity(name: str, nonlinearity: str) -> None:
    check_population(partial(POPULATIONS[name], nonlinearity=nonlinearity))


#: Masses have their sizes from one base: one of them stands for all.
SIZED = [n for n in POPULATIONS if n == "hopf" or not issubclass(POPULATIONS[n], Mass)]


@pytest.mark.parametrize("sizes", [(1, 2), (2, 5), (6, 2)])
@pytest.mark.parametrize("name", SIZED)
def test_contract_at_other_sizes(name: str, sizes: tuple[int, int]) -> None:
    check_population(POPULATIONS[name], *sizes, n_ticks=5)


@pytest.mark.parametrize("n_regions", [1, 3])
@pytest.mark.parametrize("name", list(HRFS))
def test_contract_of_responses_at_other_sizes(name: str, n_regions: int) -> None:
    check_hrf(lambda n: HRFS[name](n_regions=n), n_regions=n_regions)


@pytest.mark.parametrize("length", [0.9, 7.3, 32.0])
@pytest.mark.parametrize("name", list(HRFS))
@pytest.mark.parametrize("per_region", [False, True])
def test_contract_of_bold_with_every_response(name: str, length: float, per_region: bool) -> None:
    def build(**sizes: Any) -> nn.Module:
        n_regions = len(sizes["n_targets"]) if per_region else 1
        return READOUTS["bold"](**sizes, hrf=HRFS[name](n_regions=n_regions, length=length))

    check_readout(build)


def test_contract_of_bold_with_shared_sources() -> None:
    check_readout(partial(READOUTS["bold"], sources=[[0, 1], [1]]))
    check_readout(READOUTS["bold"], n_units=(2, 3, 1), n_targets=(4,))


def test_contract_of_a_connection_with_weights() -> None:
    check_fixed_delay(lambda delay: CONNECTIONS["delay"](delay, weights=nn.Linear(3, 2)))
    check_connection(lambda: CONNECTIONS["delay"](0.2, weights=nn.Linear(3, 2)))
    check_connection(lambda: CONNECTIONS["learned_delay"](0.33, 0.1, 0.5, nn.Linear(3, 2)))


def test_contract_of_a_fixed_delay() -> None:
    check_fixed_delay(CONNECTIONS["delay"])


@pytest.mark.parametrize("width", [0.3, 1.0])
@pytest.mark.parametrize("name", ["learned_delay", "tracts"])
def test_contract_of_learned_delays_read_through_wide_kernels(name: str, width: float) -> None:
    def build() -> nn.Module:
        connection = BUILT[name]()
        connection.width = width
        return connection

    check_connection(build)


def small_components() -> list[Any]:
    return [
        *(pytest.param(POPULATIONS[n](3, 2), id=n) for n in POPULATIONS),
        *(pytest.param(HRFS[n](), id=n) for n in HRFS),
        *(pytest.param(READOUTS[n]([2], [3]), id=n) for n in READOUTS),
        pytest.param(CONNECTIONS["delay"](0.1, nn.Linear(2, 2)), id="delay"),
        *(pytest.param(BUILT[n](), id=n) for n in ("learned_delay", "tracts")),
    ]


@pytest.mark.parametrize("component", small_components())
def test_components_can_be_sent_to_another_process(component: nn.Module) -> None:
    if parameters := list(component.parameters()):
        sum(p.square().sum() for p in parameters).backward()
    sent = pickle.loads(pickle.dumps(component))
    got, wanted = sent.state_dict(), component.state_dict()
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    assert sent.parameter_rows() == component.parameter_rows()
