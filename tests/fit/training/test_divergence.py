"""The parameter that ran away is named."""

import copy
from collections.abc import Callable

import pytest
import torch

from drmbids import BOLD, Additive, DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.training.divergence import explain_divergence, parameter_label
from drmbids.fit.training.drm import DRM

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


def test_the_parameter_that_moved_most(net_of: NetOf) -> None:
    net = net_of()
    kept = copy.deepcopy(net.state_dict())
    assert explain_divergence(net, kept, 0).startswith("no parameter has moved: look at the stim")
    with torch.no_grad():
        net.populations[1].bias += 3.0
        net.populations[0].weight[0, 1] = -1e12
        net.readout.weights[0].fill_(1e20)
    before = kept["populations.0.weight"].norm()
    solved = net.readout.linear_parameters()
    wanted = f"A.weight moved most since epoch 7, its norm from {before:.3g} to 1e+12"
    assert explain_divergence(net, kept, 7, solved) == wanted
    assert explain_divergence(net, kept, 7).startswith("readout.weights.0 moved most since epoch 7")


def test_many_small_steps_outweigh_a_single_one() -> None:
    net = DRMNet([Additive(100, 103)], [DRMConnection()], [[DRMConnection(0.1)]], BOLD([100], [2]))
    kept = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        net.populations[0].weight += 0.01
        net.populations[0].bias[0] += 0.5
    assert explain_divergence(net, kept, 1).startswith("P0.weight moved most since epoch 1")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_the_first_that_is_not_finite(value: float, net_of: NetOf) -> None:
    net = net_of()
    kept = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        net.populations[0].weight.fill_(1e12)
        net.populations[1].bias[1] = value
        net.readout.bias.fill_(value)
    solved = net.readout.linear_parameters()
    assert explain_divergence(net, kept, 2, solved) == "B.bias is not finite since epoch 2"


def test_training_that_diverges_says_why(runs_of: RunsOf, net_of: NetOf) -> None:
    """Steps far too large for a net without saturation: the message names who took them."""
    net = net_of()
    for population in net.populations:
        population.nonlinearity = "linear"
    data = DRMIterator.from_runs(runs_of((24, 24)), 0.5)
    message = r"lower the learning rate \(1e\+50\): [AB]\.(weight|bias) moved most since .*e\+"
    with pytest.raises(TrainingError, match=message):
        DRM(net, learning_rate=1e50).estimate(data, n_epochs=5)


def test_parameters_of_connections_and_readout_have_names() -> None:
    net = DRMNet(
        {"V1": Additive(2, 3), "V2": Additive(2, 2)},
        [DRMConnection(0.0, torch.nn.Linear(4, 3)), None],
        [[None, None], [DRMConnection(0.1, torch.nn.Linear(2, 2)), None]],
        BOLD([2, 2], [3, 4]),
        stimuli={"video": 4},
    )
    labels = {parameter_label(net, name) for name, _ in net.named_parameters()}
    assert {"V1.weight", "V2.bias", "readout.weights.0"} <= labels
    assert {"video -> V1.weights.weight", "V1 -> V2.weights.bias"} <= labels
    assert len(labels) == len(list(net.named_parameters()))
