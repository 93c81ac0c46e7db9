"""Dale's law: signs that hold for what a source does to its target, in nets and in training."""

from typing import Any

import pytest
import torch

from drmbids import BOLD, GRU, Additive, DRMConnection, DRMNet, Hopf, Leaky, Linear
from drmbids.brain.connections.dale import dale_signs
from drmbids.brain.connections.weights import Dense
from drmbids.brain.net.groups import Group
from drmbids.data.tools.exceptions import ModelError, UsageError


def net(dale: Any, target: Any, **options: Any) -> DRMNet:
    torch.manual_seed(0)
    return DRMNet(
        {"A": Leaky(4, 1, nonlinearity="relu"), "B": target},
        ws=[DRMConnection(), DRMConnection()],
        Wp=[[None, None], [DRMConnection(0.1, dale=dale, **options), None]],
        readout=BOLD([4, target.n_units], [1]),
        stimuli={"s": 1},
    )


@pytest.mark.parametrize("kind", [Additive, Leaky, Linear, Hopf])
@pytest.mark.parametrize(("dale", "signs"), [
    ("excitatory", [1, 1, 1, 1]), ("inhibitory", [-1] * 4), (0.5, [1, 1, -1, -1]),
])  # fmt: skip
def test_input_weights_hold_the_signs(kind: Any, dale: Any, signs: list[int]) -> None:
    target = net(dale, kind(3, 1 + 4)).population_list[1]
    with torch.no_grad():
        target.weight.normal_()
    weights = target.input_weights()
    assert (weights[:, 1:] * torch.tensor(signs) > 0).all()
    assert torch.equal(weights[:, 0], target.weight[:, 0])  # stimuli are free


def test_what_arrives_is_seen_through_the_signs() -> None:
    """Activity is what free weights of these values would give, in loops without a graph too."""
    loop = [
        DRMNet(
            {"A": Leaky(2, 3), "B": Leaky(2, 3)},
            [DRMConnection(), DRMConnection()],
            [[None, DRMConnection(0.1, dale=d)], [DRMConnection(0.2), None]],
            BOLD([2, 2], [1]),
            stimuli={"s": 1},
        )
        for d in ("inhibitory", None)
    ]
    held, free = loop
    free.load_state_dict(held.state_dict())
    with torch.no_grad():
        free.population_list[0].weight.copy_(held.population_list[0].input_weights())
        assert all(isinstance(g, Group) for g in held.groups.values()) and held.groups
        x = torch.randn(9, 1, 1)
        got, wanted = (n.run([x], n.initial_carry(1))[0] for n in loop)
    torch.testing.assert_close(got, wanted)


def test_training_cannot_change_a_sign() -> None:
    model = net("inhibitory", Leaky(3, 5))
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(10):
        optimiser.zero_grad()
        activity, _, _ = model.run([torch.ones(12, 1, 1)], model.initial_carry(1))
        (-activity[1].sum()).backward()  # less inhibition is what this asks for
        optimiser.step()
    assert (model.population_list[1].input_weights()[:, 1:] <= 0).all()


def test_weights_of_the_connection_hold_the_signs_of_units() -> None:
    weights = Dense(4, 2)
    target = net(0.5, Additive(3, 1 + 2), weights=weights).population_list[1]
    assert (weights.matrix() * torch.tensor([1, 1, -1, -1]) >= 0).all()
    assert (target.input_weights()[:, 1:] >= 0).all()


def test_what_cannot_hold_a_sign_is_refused() -> None:
    with pytest.raises(ModelError, match="B: GRU has no input weights that could hold a sign"):
        net("excitatory", GRU(3, 5))
    with pytest.raises(UsageError, match="Linear cannot hold signs for Dale's law"):
        DRMConnection(weights=torch.nn.Linear(4, 2), dale="excitatory")
    for wrong in ("excited", 1.5):
        with pytest.raises(UsageError, match="or a share of excitatory units from 0 to 1; got"):
            dale_signs(wrong, 3)  # pyright: ignore[reportArgumentType]
