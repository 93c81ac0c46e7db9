"""Models trained side by side: equal to one at a time, whatever differs between them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import TrainingWarning, UsageError
from drmbids.fit.training import loop
from drmbids.fit.training.alike import same_structure
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, can_train_together, train_all, train_together

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


def iterate(runs: list[Run], window: int | None = None) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), window=window)


def folds(runs: list[Run]) -> list[list[Run]]:
    return [[r for k, r in enumerate(runs) if k != out] for out in range(len(runs))]


def compare(
    models: list[DRM], data: list[DRMIterator], validation: Any = None, **options: Any
) -> None:
    """Train copies one at a time and the models together; assert that they end up equal."""
    alone = [copy.deepcopy(m) for m in models]
    for k, model in enumerate(alone):
        model.estimate(data[k], validation and validation[k], **options)
    both = zip(models, data, validation or [None] * len(models), strict=True)
    train_together([Fit(m, d, v, **options) for m, d, v in both])
    for one, other in zip(alone, models, strict=True):
        for row, expected in zip(other.history, one.history, strict=True):
            np.testing.assert_allclose(row["train_loss"], expected["train_loss"], rtol=1e-8)
            np.testing.assert_allclose(row["val_loss"], expected["val_loss"], rtol=1e-8)
        moved = one.net.state_dict()
        for name, value in other.net.state_dict().items():
            torch.testing.assert_close(value, moved[name], rtol=1e-6, atol=1e-6, msg=name)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize(("window", "cutoff"), [(None, None), (10, None), (None, 12), (6, 24)])
def test_folds_equal_one_at_a_time(
    stacked: bool, window: int | None, cutoff: int | None, runs_of: RunsOf, net_of: NetOf
) -> None:
    runs = runs_of((24, 24, 24), "both")
    nets = [net_of() for _ in runs]
    assert nets[0].groups
    for net in nets:
        net.groups = net.groups if stacked else {}
    data = [iterate(part, window) for part in folds(runs)]
    compare([DRM(net) for net in nets], data, n_epochs=2, cutoff=cutoff)


def test_seeds_and_settings_equal_one_at_a_time(runs_of: RunsOf, net_of: NetOf) -> None:
    data = iterate(runs_of())
    models = [
        DRM(net_of(seed=0)),
        DRM(net_of(seed=1), learning_rate=0.1),
        DRM(net_of(seed=2), alphas=(0.1, 10.0)),
    ]
    compare(models, [data] * 3, n_epochs=5)
    assert len({m.history[-1]["train_loss"] for m in models}) == 3


def test_subjects_with_other_targets_equal_one_at_a_time(runs_of: RunsOf, net_of: NetOf) -> None:
    nets = [net_of(seed=k) for k in range(2)]
    wide = BOLD([3, 2], [5, 2], regions=["A", "B"], hrf=DoubleGamma(length=9.0))
    nets[1] = DRMNet(
        dict(zip(nets[1].population_names, nets[1].population_list, strict=True)),
        [DRMConnection(0.5), None],
        [[None, DRMConnection(1.0)], [DRMConnection(0.5), None]],
        wide,
        resolution=0.5,
    )
    first, make = runs_of((24, 24)), np.random.default_rng(0)
    times = first[0].responses["A"].times
    second = [
        replace(
            run,
            responses={
                name: Stream(make.normal(size=(24, n)), times) for name, n in (("A", 5), ("B", 2))
            },
        )
        for run in runs_of((24, 24), seed=1)
    ]
    compare([DRM(n) for n in nets], [iterate(first), iterate(second)], n_epochs=3)


def delayed_net(seed: int = 0) -> DRMNet:
    torch.manual_seed(seed)
    return DRMNet(
        [Leaky(3, 2 + 2, nonlinearity="tanh"), Additive(2, 3, nonlinearity="tanh")],
        [DRMConnection(0.5), None],
        [[None, LearnedDelay(1.2, 0.5, 3.0)], [LearnedDelay(0.8, 0.5, 2.0), None]],
        BOLD([3, 2], [3, 4], regions=["A", "B"], hrf=DoubleGamma(length=9.0)),
        resolution=0.5,
    )


def test_learned_delays_equal_one_at_a_time(runs_of: RunsOf) -> None:
    models = [DRM(delayed_net(seed=k)) for k in range(2)]
    start = [c.delay for c in models[0].net.connections]
    compare(models, [iterate(part) for part in folds(runs_of((24, 24)))], n_epochs=6)
    assert [c.delay for c in models[0].net.connections] != start
    assert all(c.width == 0.0 for m in models for c in m.net.connections)


def test_an_epoch_with_wide_kernels_is_never_the_best(
    runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SOUGHT_WIDTH", 0.5)  # no less than a tick
    model, data = DRM(delayed_net(), learning_rate=0.0), iterate(runs_of())
    losses, _ = model.estimate(data, n_epochs=6)
    kept = DRM(model.net, learning_rate=0.0, alphas=None).estimate(data, n_epochs=0)[0][0]
    assert len(set(losses)) > 1  # the same weights through other kernels
    assert kept == losses[-1]


def test_each_keeps_its_own_best_epoch(runs_of: RunsOf, net_of: NetOf) -> None:
    parts = folds(runs_of((24, 24, 24, 24)))
    models = [DRM(net_of(seed=k), learning_rate=0.3) for k in range(4)]
    data, validation = [iterate(p[:2]) for p in parts], [iterate(p[2:]) for p in parts]
    compare(models, data, validation, n_epochs=6)
    best = {min(range(7), key=lambda e: m.history[e]["val_loss"]) for m in models}
    assert len(best) > 1


def test_one_that_fails_is_named_and_all_keep_their_best(runs_of: RunsOf, net_of: NetOf) -> None:
    nets = [net_of(seed=k) for k in range(2)]

    def spoil(row: Any) -> None:
        if row["epoch"] == 1:
            with torch.no_grad():
                nets[1].populations[0].weight.fill_(torch.nan)

    data = iterate(runs_of(), 10)
    models = {"fold 1": DRM(nets[0]), "fold 2": DRM(nets[1], callbacks=[spoil])}
    fits = [Fit(m, data, n_epochs=5, label=name) for name, m in models.items()]
    one, other = train_together(fits)
    assert one.failure is None and len(models["fold 1"].history) == 6
    assert str(other.failure).startswith("fold 2: epoch 2: the loss is nan")
    assert all(torch.isfinite(p).all() for net in nets for p in net.parameters())
    assert nets[0].readout.weights[0].abs().max() > 0


def running_away(net: DRMNet, above: float) -> Callable[[Any], None]:
    """Return a callback that spoils a net while its learning rate is above a limit."""

    def spoil(row: Any) -> None:
        if row["epoch"] == 1 and row["learning_rate"] > above:
            with torch.no_grad():
                net.populations[0].weight.fill_(torch.nan)

    return spoil


def test_one_that_diverges_fails_alone_or_finds_a_smaller_rate(
    runs_of: RunsOf, net_of: NetOf
) -> None:
    """Five healthy fits, one that diverges at the first learning rate, one that always does."""
    data = iterate(runs_of(), 10)

    def models(limits: dict[int, float]) -> list[DRM]:
        nets = [net_of(seed=k) for k in range(7)]
        told = {k: [running_away(nets[k], limit)] for k, limit in limits.items()}
        return [DRM(net, callbacks=told.get(k, ())) for k, net in enumerate(nets)]

    def fits(some: list[DRM]) -> list[Fit]:
        return [Fit(m, data, n_epochs=4, label=f"fit {k}") for k, m in enumerate(some)]

    healthy = models({})
    expected = train_all(fits(healthy))
    spoilt = models({2: 0.05, 5: 0.0})
    with pytest.warns(TrainingWarning, match="trained again from the start") as told:
        found = train_all(fits(spoilt))
    for k in (0, 1, 3, 4, 6):  # bit for bit
        assert found[k] == expected[k]
        same = zip(spoilt[k].net.parameters(), healthy[k].net.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in same)
    assert [str(w.message).partition(":")[0] for w in told] == ["fit 2", "fit 5", "fit 5"]
    assert "with a learning rate of 0.025" in str(told[0].message)
    alone = DRM(net_of(seed=2), learning_rate=0.025)
    alone.estimate(data, n_epochs=4)
    assert found[2].failure is None and len(spoilt[2].history) == 5
    assert [r["learning_rate"] for r in spoilt[2].history] == [
        r["learning_rate"] for r in alone.history
    ]
    np.testing.assert_allclose(
        [r["train_loss"] for r in spoilt[2].history],
        [r["train_loss"] for r in alone.history],
        rtol=1e-4,
    )
    why = str(found[5].failure)
    tried = "training diverged with each learning rate tried (0.1, 0.025, 0.00625), last in epoch"
    assert why.startswith(f"fit 5: {tried}") and "set learning_rate below 0.00625" in why
    assert "\n" not in why
    with pytest.warns(TrainingWarning):
        again = train_all(fits(models({2: 0.05, 5: 0.0})))
    assert [one.objective for one in again] == [one.objective for one in found]


def without_feedback() -> DRMNet:
    return DRMNet(
        {"A": Leaky(3, 2, tau=[0.8, 2.0, 5.0], nonlinearity="tanh"),
         "B": Additive(2, 3, nonlinearity="tanh")},
        [DRMConnection(0.5), None],
        [[None, None], [DRMConnection(0.5), None]],
        BOLD([3, 2], [3, 4], regions=["A", "B"], hrf=DoubleGamma(length=9.0)),
        resolution=0.5,
    )  # fmt: skip


def changed(net: DRMNet, change: Callable[[DRMNet], None]) -> DRMNet:
    change(net)
    return net


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net.populations[1], "nonlinearity", "relu"),
        lambda net: setattr(net.readout.hrf, "length", 8.0),
        lambda net: net.populations[0].weight.requires_grad_(False),
        lambda net: setattr(net.populations[1], "extra", nn.Linear(1, 1)),
        lambda net: net.float(),
    ],
    ids=["nonlinearity", "hrf", "fixed", "part", "dtype"],
)
def test_what_makes_a_structure_different(change: Callable[[DRMNet], None], net_of: NetOf) -> None:
    assert same_structure(net_of(seed=0), net_of(seed=1))
    assert not same_structure(net_of(seed=0), changed(net_of(seed=1), change))


def test_another_graph_is_another_structure(net_of: NetOf) -> None:
    assert not same_structure(net_of(), without_feedback())


def test_what_cannot_be_trained_together_is_refused(runs_of: RunsOf, net_of: NetOf) -> None:
    one, other = DRM(net_of(seed=0)), DRM(net_of(seed=1))
    long, short = iterate(runs_of((24, 24))), iterate(runs_of((24, 20)))
    assert can_train_together([Fit(one, long), Fit(other, long)])
    assert not can_train_together([Fit(one, long), Fit(other, short)])
    assert not can_train_together([Fit(one, long), Fit(other, long, n_epochs=2)])
    assert not can_train_together([Fit(one, long), Fit(other, long, cutoff=5)])
    assert not can_train_together([Fit(one, long), Fit(DRM(net_of(), solve=False), long)])
    with pytest.raises(UsageError, match="one structure, solved maps and data of the same layout"):
        train_together([Fit(one, long), Fit(other, short)])


def test_starting_values_are_no_structure(net_of: NetOf) -> None:
    one, other = net_of(), net_of()
    other.populations[0]._starting_taus = (1.0, 2.0, 3.0)
    assert same_structure(one, other)
