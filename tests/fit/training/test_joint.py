"""Several readouts of one net: each at its own times, for its own loss, by its weight."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.losses.correlation import Correlation
from drmbids.brain.losses.negative_binomial import NegativeBinomial
from drmbids.brain.losses.poisson import Poisson
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.choice import Choice
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.loop import run_epoch
from drmbids.fit.training.runners import Alone
from drmbids.fit.training.together import Fit, train_together

RunsOf = Callable[..., list[Run]]
DRIFT = Nuisance(order=1)


def joint_net(readout: Any, seed: int = 0) -> DRMNet:
    torch.manual_seed(seed)
    return DRMNet(
        {"A": Leaky(3, 2 + 2, tau=[0.8, 2.0, 5.0], nonlinearity="tanh"),
         "B": Additive(2, 3, nonlinearity="tanh")},
        ws=[DRMConnection(0.5), None],
        Wp=[[None, DRMConnection(1.0)], [DRMConnection(0.5), None]],
        readout=readout,
        resolution=0.5,
        stimuli={"s": 2},
    )  # fmt: skip


def bold(n_targets: list[int], sources: list[list[int]], regions: list[str]) -> BOLD:
    hrf = DoubleGamma(length=9.0, trainable=False)
    return BOLD([3, 2], n_targets, sources, regions, nuisance=DRIFT, hrf=hrf)


def spikes(n_targets: int = 2) -> Choice:
    """A readout of short memory, whose maps are moved off zero."""
    readout = Choice([3, 2], [n_targets], regions=["units"], length=1.0)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in readout.linear_parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=generator))
    return readout


def iterate(net: DRMNet, runs: list[Run], window: int | None = None) -> DRMIterator:
    readout = net.readout
    several = isinstance(readout, Readouts)
    return DRMIterator.from_runs(
        runs,
        0.5,
        window=window,
        stimuli={"s": ("0", "1")},
        responses=readout.responses if several else readout.regions,
        nuisance=readout.nuisance,
    )


def with_counts(runs: list[Run], n_targets: int = 2, step: float = 0.5) -> list[Run]:
    """Return runs with counts at times of their own."""
    rng, out = np.random.default_rng(9), []
    for run in runs:
        times = np.arange(0.3, run.duration, step)
        counts = rng.poisson(1.5, (len(times), n_targets)).astype(float)
        counts[5] = np.nan
        out.append(replace(run, responses={**run.responses, "units": Stream(counts, times)}))
    return out


def epoch(net: DRMNet, data: DRMIterator, cutoff: int | None = None, **options: Any) -> Any:
    model = DRM(net, **{"alphas": 0.1, **options})
    trainee = model.trainee(data)
    (total,) = run_epoch([trainee], Alone(net), cutoff, backward=True)
    loss, parts = trainee.combine(total)
    assert loss == pytest.approx(total - offset(trainee), rel=1e-9)
    gradients = {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}
    return loss, parts, gradients


def offset(trainee: Any) -> float:
    """Return what limits of losses take from the sum over windows."""
    if not trainee.joint:
        return 0.0
    weights = sum(o.weight for o in trainee.objectives)
    return sum(-o.weight / weights * o.on_common_scale(0.0) for o in trainee.objectives)


def mixed(weights: dict[str, float] | None = None) -> DRMNet:
    return joint_net(
        Readouts({"bold": bold([3, 4], [[0], [1]], ["A", "B"]), "units": spikes()}, weights)
    )


COUNTS: dict[str, nn.Module] = {"units": Poisson()}


def close(got: Any, wanted: Any, tolerance: float = 1e-8) -> None:
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("missing", ["", "elements"])
def test_two_readouts_of_equal_times_equal_one_of_two_regions(
    missing: str, runs_of: RunsOf
) -> None:
    runs = runs_of((24, 17), missing)
    one = joint_net(bold([3, 4], [[0], [1]], ["A", "B"]))
    parts = {"a": bold([3], [[0]], ["A"]), "b": bold([4], [[1]], ["B"])}
    n = [sum(int((~np.isnan(r.responses[x].values)).sum()) for r in runs) for x in "AB"]
    two = joint_net(Readouts(parts, {"a": n[0], "b": n[1]}))
    wanted, _, gradients = epoch(one, iterate(one, runs))
    loss, of_each, got = epoch(two, iterate(two, runs))
    close(loss, wanted, 1e-10)
    assert set(of_each) == {"a", "b"}
    upstream = [name for name in gradients if not name.startswith("readout")]
    assert len(upstream) >= 4
    for name in upstream:
        close(got[name], gradients[name], 1e-10)
    close(two.readout["b"].weights[0].detach(), one.readout.weights[1].detach(), 1e-10)


@pytest.mark.parametrize(("window", "cutoff"), [(7, 1000), (None, 500), (10, 72), (1, 1000)])
def test_windows_cut_anywhere_equal_whole_runs(
    window: int | None, cutoff: int, runs_of: RunsOf
) -> None:
    runs, net = with_counts(runs_of((24, 17), "both")), mixed()
    wanted, parts, gradients = epoch(net, iterate(net, runs), loss=COUNTS)
    got, got_parts, got_gradients = epoch(net, iterate(net, runs, window), cutoff, loss=COUNTS)
    close(got, wanted)
    close(got_parts, parts)
    close(got_gradients, gradients)
    assert wanted == pytest.approx(np.mean(list(parts.values())))


@pytest.mark.parametrize("alone", ["bold", "units"])
def test_a_readout_alone_equals_weight_zero_for_the_other(alone: str, runs_of: RunsOf) -> None:
    runs = with_counts(runs_of((24, 17), "elements"))
    net = mixed({"bold": float(alone == "bold"), "units": float(alone == "units")})
    loss, _, got = epoch(net, iterate(net, runs), loss=COUNTS)
    readout = spikes() if alone == "units" else bold([3, 4], [[0], [1]], ["A", "B"])
    single = joint_net(readout)
    options = {"loss": Poisson()} if alone == "units" else {}
    raw, _, wanted = epoch(single, iterate(single, runs), **options)
    scale = 1.0
    if alone == "units":
        counts = torch.as_tensor(np.concatenate([r.responses["units"].values for r in runs]))
        null, least = Poisson().limits(counts[:, None])
        raw, scale = (raw - least) / (null - least), 1 / (null - least)
    close(loss, raw)
    for name in ("populations.0.weight", "populations.1.weight", "populations.0.free_tau"):
        close(got[name], scale * wanted[name])


def test_losses_are_one_where_nothing_is_explained(runs_of: RunsOf) -> None:
    runs, net = with_counts(runs_of()), mixed()
    with torch.no_grad():  # maps of zero start at the mean of each target
        for p in net.readout["units"].linear_parameters():
            p.zero_()
    _, parts, _ = epoch(net, iterate(net, runs), loss=COUNTS, alphas=1e12)
    assert parts["bold"] == pytest.approx(1.0, abs=1e-6)
    assert parts["units"] == pytest.approx(1.0, abs=1e-9)


def test_runs_may_lack_a_readout(runs_of: RunsOf) -> None:
    runs = with_counts(runs_of((24, 24, 24)))
    runs[1] = replace(runs[1], responses={n: runs[1].responses[n] for n in "AB"})
    runs[2] = replace(runs[2], responses={"units": runs[2].responses["units"]})
    net = mixed()
    model = DRM(net, loss={"units": Correlation()}, learning_rate=0.02)
    train, val = model.estimate(iterate(net, runs), iterate(net, runs, 10), n_epochs=3)
    assert train[-1] < train[0] and np.isfinite(val).all()
    assert {"train_loss_bold", "val_loss_units"} < set(model.history[0])
    response, activity = model.forward(iterate(net, runs, 7))
    assert [{k: len(v) for k, v in run.items()} for run in response] == [
        {"bold": 24, "units": 72}, {"bold": 24, "units": 0}, {"bold": 0, "units": 72},
    ]  # fmt: skip
    assert [len(run[0]) for run in activity] == [72, 72, 72]
    for run, whole in zip(runs, response, strict=True):
        (alone,), _ = model.forward(iterate(net, [run]))
        for name in alone:
            np.testing.assert_allclose(alone[name], whole[name], atol=1e-10)
    lacking = [replace(run, responses={n: run.responses[n] for n in "AB"}) for run in runs[:2]]
    with pytest.raises(DataError, match="readout 'units': no run has a measured sample"):
        model.estimate(iterate(net, lacking))


def test_nets_of_several_readouts_are_trained_side_by_side(runs_of: RunsOf) -> None:
    runs = runs_of((24, 24))

    def net(seed: int) -> DRMNet:
        return joint_net({"a": bold([3], [[0]], ["A"]), "b": bold([4], [[1]], ["B"])}, seed)

    alone = [DRM(net(seed), learning_rate=0.05) for seed in (1, 2)]
    for model in alone:
        model.estimate(iterate(model.net, runs), n_epochs=3)
    models = [DRM(net(seed), learning_rate=0.05) for seed in (1, 2)]
    train_together([Fit(model, iterate(model.net, runs), n_epochs=3) for model in models])
    for one, other in zip(alone, models, strict=True):
        assert other.history[-1]["train_loss"] == pytest.approx(one.history[-1]["train_loss"])
    with pytest.raises(UsageError, match="readouts \\['a', 'b'\\]"):
        DRM(net(1), loss={"c": Poisson()})


def test_a_loss_in_the_readout_is_kept_with_the_net(runs_of: RunsOf) -> None:
    runs, net = with_counts(runs_of((24, 24))), mixed()
    net.readout["units"].objective = NegativeBinomial.for_targets(2)
    DRM(net, learning_rate=0.05).estimate(iterate(net, runs), n_epochs=3)
    kept = net.state_dict()["readout.parts.units.objective.free_dispersion"]
    assert not torch.equal(kept, NegativeBinomial.for_targets(2).double().free_dispersion)


def test_a_joint_fit_finds_a_time_constant_that_slow_and_rare_data_miss() -> None:
    """BOLD each 2 s, choices each second, and 12 s of counts at 50 Hz, which alone tell it best."""
    errors: dict[str, list[float]] = {"bold": [], "choice": [], "joint": []}
    for seed in range(3):
        for name, found in errors.items():
            found.append(abs(np.log(fitted_tau(name, seed) / TRUE_TAU)))
    median = {name: float(np.median(values)) for name, values in errors.items()}
    assert median["joint"] < 0.5 * min(median["bold"], median["choice"])
    # null: nothing finds it where the samples of all readouts are shuffled
    assert abs(np.log(fitted_tau("joint", 0, shuffled=True) / TRUE_TAU)) > 2 * median["joint"]


TRUE_TAU = 0.3
# about the deviance of each null model in nats, so that the sum is nearly the log-likelihood
WEIGHTS = {"bold": 0.5, "units": 6.0, "choice": 0.4}


def one_unit(readout: Any, tau: float) -> DRMNet:
    population = Leaky(1, 1, tau=tau, nonlinearity="linear")
    net = DRMNet([population], [DRMConnection()], [[None]], readout, 0.02, {"s": 1})
    with torch.no_grad():
        population.weight.fill_(1.0)
        population.bias.zero_()
    population.weight.requires_grad_(False)
    population.bias.requires_grad_(False)
    return net


def measuring(names: list[str]) -> Readouts:
    hrf = DoubleGamma(length=20.0, trainable=False)
    made = {
        "bold": BOLD([1], [4], regions=["voxels"], hrf=hrf, nuisance=Nuisance(order=0)),
        "units": Choice([1], [2], regions=["units"], length=0.02),
        "choice": Choice([1], [2], regions=["choice"], length=0.1),
    }
    return Readouts({name: made[name] for name in names}, {n: WEIGHTS[n] for n in names})


def fitted_tau(name: str, seed: int, shuffled: bool = False) -> float:
    rng, n_ticks = np.random.default_rng(seed), 3000
    shown = np.repeat(rng.random(n_ticks // 25) < 0.4, 25).astype(float)[:, None]
    stimulus = Stream(shown, 0.02 * (np.arange(n_ticks) + 0.5))
    times = {"voxels": 2.0 * np.arange(30), "units": 0.02 * np.arange(1, 601),
             "choice": np.arange(1.0, 60.0, 1.0)}  # fmt: skip
    blank = {
        region: Stream(np.full((len(t), 4 if region == "voxels" else 2), np.nan), t)
        for region, t in times.items()
    }
    run = Run(blank, {"s": stimulus}, duration=60.0)
    truth = one_unit(measuring(["bold", "units", "choice"]), TRUE_TAU)
    with torch.no_grad():
        for part, maps, bias in (("bold", [3.0, 2.0, -2.0, 1.0], 0.0), ("units", [2.5, 1.5], -2.5),
                                 ("choice", [4.0, -4.0], [-1.5, 1.5])):  # fmt: skip
            truth.readout[part].weights[0].copy_(torch.tensor([maps]))
            truth.readout[part].bias.copy_(torch.as_tensor(bias).expand(len(maps)))
    (clean,), _ = DRM(truth).forward(iterate_fine(truth, [run]))
    odds = clean["choice"] - clean["choice"].max(1, keepdims=True)
    chosen = rng.random(len(odds)) < np.exp(odds[:, 0]) / np.exp(odds).sum(1)
    measured = {
        "voxels": clean["bold"] + 0.5 * rng.standard_normal(clean["bold"].shape),
        "units": rng.poisson(np.exp(clean["units"])).astype(float),
        "choice": np.column_stack([chosen, ~chosen]).astype(float),
    }
    if shuffled:
        measured = {n: rng.permutation(v) for n, v in measured.items()}
    run = replace(run, responses={n: Stream(v, times[n]) for n, v in measured.items()})
    names = ["bold", "units", "choice"] if name == "joint" else [name]
    net = one_unit(measuring(names), 1.0)
    losses = {"units": Poisson()} if "units" in names else {}
    DRM(net, loss=losses, learning_rate=0.1).estimate(iterate_fine(net, [run]), n_epochs=60)
    return net.populations[0].value("tau").item()


def iterate_fine(net: DRMNet, runs: list[Run]) -> DRMIterator:
    readout = net.readout
    return DRMIterator.from_runs(
        runs, 0.02, stimuli={"s": ("0",)}, responses=readout.responses, nuisance=readout.nuisance
    )
