"""Priors of weights: which inputs matter is found, and a wide prior is none."""

from functools import cache

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRM, DRMConnection, DRMIterator, DRMNet, Leaky, Nuisance, Run, Stream
from drmbids.brain.connections.weights import Dense
from drmbids.brain.nodes import DRMNode, log_prior
from drmbids.brain.populations.gru import GRU
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.estimation.weight_prior import WeightPriorKind

#: Of twenty inputs the first two reach the units.
N_INPUTS, N_TRUE, N_UNITS = 20, 2, 3


def net_of(prior: tuple[WeightPriorKind, float] | None) -> DRMNet:
    torch.manual_seed(0)
    units = Leaky(N_UNITS, N_INPUTS, tau=1.0, nonlinearity="linear")
    if prior is not None:
        units.set_weight_prior(*prior)
    readout = BOLD([N_UNITS], [N_UNITS], nuisance=Nuisance("none"))
    with torch.no_grad():
        units.weight.normal_(0, 0.1)
        readout.weights[0].copy_(torch.eye(N_UNITS))
    units.free_tau.requires_grad_(False)
    for parameter in readout.parameters():
        parameter.requires_grad_(False)
    stimuli = {"shown": [f"x{k}" for k in range(N_INPUTS)]}
    return DRMNet([units], [DRMConnection()], [[None]], readout, resolution=1.0, stimuli=stimuli)


@cache
def runs() -> tuple[Run, Run]:
    """Return a short run to train on and a long one that is held out."""
    make, truth = np.random.default_rng(1), net_of(None)
    with torch.no_grad():
        weights = torch.zeros(N_UNITS, N_INPUTS)
        weights[:, :N_TRUE] = 1.0
        truth.populations[0].weight.copy_(weights)
    found = []
    for n in (60, 400):
        times = 2.0 * np.arange(n)
        shown = Stream(make.standard_normal((2 * n, N_INPUTS)), np.arange(2 * n) + 0.5)
        blank = Run({"A": Stream(np.zeros((n, N_UNITS)), times)}, {"shown": shown}, tr=2.0)
        signal = DRM(truth).forward(iterate(blank))[0][0]
        measured = signal + make.standard_normal(signal.shape) * signal.std()
        found.append(Run({"A": Stream(measured, times)}, {"shown": shown}, tr=2.0))
    return found[0], found[1]


def iterate(run: Run) -> DRMIterator:
    return DRMIterator.from_runs([run], 1.0, nuisance=Nuisance("none"))


@cache
def fitted(prior: tuple[WeightPriorKind, float] | None) -> tuple[np.ndarray, float]:
    """Return the weights of a fit to the short run, and its error in the long one."""
    net = net_of(prior)
    model = DRM(net, solve=False, learning_rate=0.05)
    train, unseen = runs()
    model.estimate(iterate(train), n_epochs=120)
    errors = model.forward(iterate(unseen))[0][0] - unseen.responses["A"].values
    return net.populations[0].weight.detach().numpy(), float(np.square(errors).mean())


@pytest.mark.parametrize("kind", ["laplace", "group"])
def test_few_inputs_that_matter_are_found(kind: WeightPriorKind) -> None:
    """By how much the inputs that matter stand out, beside no prior and beside ridge."""
    sizes, errors = {}, {}
    for prior in ((kind, 0.25), ("normal", 0.4), None):
        weights, errors[prior] = fitted(prior)
        sizes[prior] = np.linalg.norm(weights, axis=0)
    sparse, *others = (size[:N_TRUE].min() / np.median(size[N_TRUE:]) for size in sizes.values())
    assert sparse > 50 and max(others) < 5
    error, *other_errors = errors.values()
    assert error < 0.9 * min(other_errors)


def test_a_wide_prior_is_none() -> None:
    np.testing.assert_allclose(fitted(("laplace", 1e6))[0], fitted(None)[0], rtol=1e-3, atol=1e-4)


def test_weights_of_connections_have_priors_too() -> None:
    weights = Dense(3, 2, values=[[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]])
    assert log_prior(weights) is None
    weights.set_weight_prior("laplace", 2.0)
    prior = log_prior(DRMConnection(weights=weights))
    assert prior is not None and prior.item() == pytest.approx(-(2**0.5) * 4 / 2)
    weights.set_weight_prior("none")
    assert log_prior(weights) is None
    fixed = Dense(3, 2, trainable=False)
    fixed.set_weight_prior("normal", 1.0)
    assert log_prior(fixed) is None  # a constant


@pytest.mark.parametrize(
    ("node", "call", "message"),
    [
        (
            Dense(3, 2),
            ("lasso", 1.0),
            "kind must be one of none, normal, laplace, group, start: 'lasso'",
        ),
        (Dense(3, 2), ("laplace", 0.0), "sd 0 must be positive"),
        (GRU(3, 2), ("laplace", 1.0), "GRU: prior of the weights: it has no matrix of weights"),
    ],
)
def test_faulty_priors(node: DRMNode, call: tuple, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        node.set_weight_prior(*call)
