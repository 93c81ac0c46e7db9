"""DRM: gradients of the profiled objective, truncation, validation, failure, prediction."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DeviceError, TrainingError, UsageError
from drmbids.fit.maps import targets as targets_module
from drmbids.fit.training import drm as drm_module
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.loop import run_epoch
from drmbids.fit.training.runners import Alone

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


def iterate(runs: list[Run], window: int | None = None, **options: Any) -> DRMIterator:
    options.setdefault("nuisance", Nuisance(order=1))
    return DRMIterator.from_runs(runs, 0.5, window=window, **options)


def objective(
    net: DRMNet, data: DRMIterator, cutoff: int | None = None, **options: Any
) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the loss of one epoch, and the gradient it leaves on everything upstream."""
    model = DRM(net, **{"alphas": 0.1, **options})
    (loss,) = run_epoch([model.trainee(data)], Alone(net), cutoff, backward=True)
    solved = {id(p) for p in net.readout.linear_parameters()} if model.solve else set()
    return loss, {
        name: p.grad.clone()
        for name, p in net.named_parameters()
        if p.requires_grad and p.grad is not None and id(p) not in solved
    }


def close(got: Any, wanted: Any, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("missing", "lengths", "form"),
    [
        ("", (24, 24, 24), ""),
        ("volumes", (24, 17), ""),
        ("elements", (24, 24, 24), ""),
        ("both", (24, 17), ""),
        ("", (40,), ""),
        ("", (24, 24, 24), "confounds"),
        ("both", (24, 17), "confounds"),
        ("", (24, 24, 24), "bands"),
        ("elements", (24, 17), "bands"),
    ],
)
def test_gradient_is_that_of_the_objective_with_maps_solved(
    missing: str,
    lengths: tuple[int, ...],
    form: str,
    runs_of: RunsOf,
    net_of: NetOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets_module, "TARGETS_AT_ONCE", 2)  # of regions of 3 and 4
    n_confounds, shared = 2 * (form == "confounds"), Nuisance(order=1, confounds=False)
    net = net_of(n_confounds, sources=[[0, 1], [1]] if form == "bands" else None)
    data = iterate(runs_of(lengths, missing, n_confounds), nuisance=shared)
    _, gradients = objective(net, data)
    step, checked = 1e-5, 0
    draw = torch.Generator().manual_seed(0)
    for name, parameter in net.named_parameters():
        if name not in gradients:
            continue
        # along a random direction, which no part of a wrong gradient is orthogonal to
        direction, middle = torch.randn(parameter.shape, generator=draw), parameter.data.clone()
        values = []
        for sign in (1, -1):
            parameter.data.copy_(middle + sign * step * direction)
            values.append(objective(net, data)[0])
        parameter.data.copy_(middle)
        expected = (values[0] - values[1]) / (2 * step)
        # maps are written into parameters of the net's own precision, here float64
        got = (gradients[name] * direction).sum().item()
        assert got == pytest.approx(expected, rel=1e-5, abs=1e-8)
        checked += abs(expected) > 1e-5
    assert checked >= 7


@pytest.mark.parametrize("solve", [True, False])
@pytest.mark.parametrize("missing", ["", "both"])
def test_windows_and_full_cutoff_equal_one_window(
    missing: str, solve: bool, runs_of: RunsOf, net_of: NetOf
) -> None:
    runs = runs_of((24, 24, 24), missing)
    net = net_of()
    with torch.no_grad():
        for p in net.readout.linear_parameters():
            p.add_(0.1 * torch.randn_like(p))
    loss, gradients = objective(net, iterate(runs), solve=solve)
    assert gradients
    for window, cutoff in ((None, 72), (None, 500), (10, 72), (72, None), (7, 1000)):
        got_loss, got = objective(net, iterate(runs, window), cutoff, solve=solve)
        close(got_loss, loss)
        close(got, gradients, 1e-8)


def test_runs_of_different_lengths_equal_their_windows(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, net = runs_of((24, 17, 24, 9), "both"), net_of()
    loss, gradients = objective(net, iterate(runs))
    got_loss, got = objective(net, iterate(runs, 5), 1000)
    close(got_loss, loss)
    close(got, gradients, 1e-8)


def test_single_precision_gives_nearly_the_same(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 17), "both")
    predictions = []
    for dtype in (torch.float64, torch.float32):
        net = net_of()
        torch.set_default_dtype(dtype)
        model = DRM(net.to(dtype), learning_rate=0.01)
        losses, _ = model.estimate(iterate(runs), n_epochs=3)
        predictions.append(np.concatenate([*model.forward(iterate(runs))[0], [losses[:1] * 7]]))
        torch.set_default_dtype(torch.float64)
    np.testing.assert_allclose(*predictions, rtol=0, atol=2e-3)


def test_order_of_the_runs_does_not_matter(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, net = runs_of((24, 17, 24), "both"), net_of()
    loss, gradients = objective(net, iterate(runs))
    got_loss, got = objective(net, iterate(runs[::-1]))
    close(got_loss, loss)
    close(got, gradients, 1e-8)


def test_a_short_cutoff_only_truncates(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, net = runs_of(), net_of()
    loss, full = objective(net, iterate(runs))
    for window, cutoff in ((None, 12), (6, 12), (12, None), (12, 12), (3, 12)):
        got_loss, got = objective(net, iterate(runs, window), cutoff)
        close(got_loss, loss)
        reference = objective(net, iterate(runs, 12))[1]
        close(got, reference, 1e-8)
        assert any(not torch.allclose(got[name], full[name], rtol=1e-3) for name in full)


def test_hemodynamic_gradient_is_not_truncated_where_there_is_no_memory(
    runs_of: RunsOf, net_of: NetOf
) -> None:
    runs, net = runs_of(), net_of()
    name = "readout.hrf.free_delay"
    _, full = objective(net, iterate(runs))
    _, cut = objective(net, iterate(runs, 12))
    close(cut[name], full[name], 1e-8)


def test_penalties_are_chosen_and_recorded(runs_of: RunsOf, net_of: NetOf) -> None:
    net, data = net_of(), iterate(runs_of())
    rows: list[dict] = []
    model = DRM(net, callbacks=[rows.append])
    train, val = model.estimate(data, n_epochs=3)
    assert len(train) == 4 and val == []
    assert rows == model.history
    assert [r["epoch"] for r in rows] == [0, 1, 2, 3]
    told = {"epoch", "train_loss", "val_loss", "objective", "learning_rate", "seconds"}
    assert set(rows[0]) == told
    assert 0 < train[-1] < 1


def test_training_lowers_the_loss(runs_of: RunsOf, net_of: NetOf) -> None:
    net, data = net_of(), iterate(runs_of())
    train, _ = DRM(net, alphas=0.01, learning_rate=0.02).estimate(data, n_epochs=15)
    assert train[-1] < train[0] - 0.01
    solved = objective(net, data, alphas=0.01)[0]
    close(solved, min(train), 1e-8)


@pytest.mark.parametrize("missing", ["", "elements"])
def test_how_many_targets_are_taken_at_once_does_not_matter(
    missing: str, runs_of: RunsOf, net_of: NetOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = iterate(runs_of((24, 24), missing, n_confounds=2), nuisance=Nuisance(confounds=False))
    loss, gradients = objective(net_of(n_confounds=2), data)
    monkeypatch.setattr(targets_module, "TARGETS_AT_ONCE", 2)  # of regions of 3 and 4
    got_loss, got = objective(net_of(n_confounds=2), data)
    close(got_loss, loss)
    close(got, gradients)


def wide_net(n_units: int) -> DRMNet:
    """Return one population all of whose units feed back on all, as in a net of many regions."""
    torch.manual_seed(0)
    population = Leaky(n_units, 2 + n_units)
    net = DRMNet(
        [population], [DRMConnection()], [[DRMConnection(0.5)]],
        BOLD([n_units], [3], regions=["A"]), resolution=0.5, stimuli={"s": 2},
    )  # fmt: skip
    population.initialise_inputs(2)
    return net


def test_many_inputs_do_not_run_away(runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch) -> None:
    data = iterate(runs_of((40,), regions=("A",)))
    train, _ = DRM(wide_net(400)).estimate(data, n_epochs=4)
    assert max(train[1:]) < train[0] - 0.05
    monkeypatch.setattr(drm_module, "FULL_STEP_INPUTS", 10**9)  # what equal steps for all would do
    train, _ = DRM(wide_net(400)).estimate(data, n_epochs=4)
    assert min(train[1:]) > train[0] + 0.05


@pytest.mark.parametrize("n_units", [8, 62])
def test_steps_of_weights_shrink_with_their_inputs(n_units: int, runs_of: RunsOf) -> None:
    net, data = wide_net(n_units), iterate(runs_of((40,), regions=("A",)))
    before = copy.deepcopy(net.state_dict())
    DRM(net, learning_rate=1e-3).estimate(data, n_epochs=1)
    after, share = net.state_dict(), min(1.0, 10 / (2 + n_units))
    for name, step in (("weight", 1e-3 * share), ("bias", 1e-3)):
        moved = after[f"populations.0.{name}"] - before[f"populations.0.{name}"]
        assert moved.abs().max() == pytest.approx(step, rel=1e-3)


@pytest.mark.parametrize("window", [None, 10])
def test_the_best_epoch_on_validation_runs_is_kept(
    window: int | None, runs_of: RunsOf, net_of: NetOf
) -> None:
    runs = runs_of((24, 24, 24, 24))
    net, states = net_of(), []
    val_data = iterate(runs[3:], window)
    model = DRM(net, learning_rate=0.3, alphas=0.01,
                callbacks=[lambda _: states.append(copy.deepcopy(net.state_dict()))])  # fmt: skip
    train, val = model.estimate(iterate(runs[:3], window), val_data, n_epochs=6)
    assert len(train) == len(val) == 7
    best = int(np.argmin(val))
    # callbacks come after the step: the maps belong to their epoch, the rest to the next one
    wanted = [p for name, p in states[best].items() if name.startswith("readout.weights")]
    got = [p for name, p in net.state_dict().items() if name.startswith("readout.weights")]
    close(got, wanted)
    scale = scale_of(runs[:3])
    predicted, _ = model.forward(val_data)
    measured = np.concatenate([s.values for s in runs[3].responses.values()], axis=1)
    basis = Nuisance(order=1).basis(runs[3], runs[3].measured_times())
    error = project_out(basis, measured - predicted[0]) / scale
    assert np.mean(error**2) == pytest.approx(min(val), rel=1e-9)


def scale_of(runs: list[Run]) -> np.ndarray:
    clean = [
        project_out(
            Nuisance(order=1).basis(run, run.measured_times()),
            np.concatenate([s.values for s in run.responses.values()], axis=1),
        )
        for run in runs
    ]
    return np.sqrt(np.mean(np.concatenate(clean) ** 2, axis=0))


@pytest.mark.parametrize("window", [None, 10])
def test_a_loss_that_is_not_finite_ends_training_in_the_best_state(
    window: int | None, runs_of: RunsOf, net_of: NetOf
) -> None:
    net, data = net_of(), iterate(runs_of(), window)
    states: list[dict] = []

    def spoil(row: Any) -> None:
        states.append(copy.deepcopy(net.state_dict()))
        if row["epoch"] == 1:
            with torch.no_grad():
                net.populations[0].weight.fill_(torch.nan)

    model = DRM(net, learning_rate=1e-6, callbacks=[spoil])
    with pytest.raises(TrainingError, match="epoch 2: the loss is nan; lower the learning rate"):
        model.estimate(data, n_epochs=5)
    assert all(torch.isfinite(p).all() for p in net.parameters())
    assert len(model.history) == 2
    close(net.readout.weights[0].detach(), states[1]["readout.weights.0"], 1e-3)


def test_validation_that_is_not_finite_ends_training(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 24, 24))
    last = runs[2]
    # an infinite stimulus is left out by the time grid; one that overflows on its way is not
    shown = Stream(np.full_like(last.stimuli["s"].values, 1e308), last.stimuli["s"].times)
    net = net_of()
    net.populations[0].nonlinearity = "linear"
    spoilt = Run(last.responses, {"s": shown}, duration=last.duration, tr=last.tr)
    with torch.no_grad():
        net.populations[0].weight.mul_(100.0)
    with pytest.raises(TrainingError, match="epoch 0: the validation loss is nan"):
        DRM(net).estimate(iterate(runs[:2]), iterate([spoilt]), n_epochs=1)


def test_the_same_seed_gives_the_same_numbers(runs_of: RunsOf, net_of: NetOf) -> None:
    def trained() -> tuple[list[float], dict[str, torch.Tensor]]:
        net = net_of(seed=3)
        losses, _ = DRM(net).estimate(iterate(runs_of()), n_epochs=3)
        return losses, net.state_dict()

    (one, first), (two, second) = trained(), trained()
    assert one == two
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_shared_confounds_recover_their_weights(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, truth = [], np.random.default_rng(5).standard_normal((2, 7))
    for run in runs_of((40, 40, 40), n_confounds=2):
        added = (run.confounds.values - run.confounds.values.mean(0)) @ truth * 3
        responses = {
            "A": Stream(run.responses["A"].values + added[:, :3], run.responses["A"].times),
            "B": Stream(run.responses["B"].values + added[:, 3:], run.responses["B"].times),
        }
        runs.append(Run(responses, run.stimuli, run.confounds, run.duration, run.tr))
    net = net_of(n_confounds=2)
    data = iterate(runs, nuisance=Nuisance(order=1, confounds=False))
    DRM(net, learning_rate=0.0).estimate(data, n_epochs=5)
    np.testing.assert_allclose(net.readout.confound_weights.detach() / 3, truth, atol=0.1)


def test_a_run_of_two_ticks(net_of: NetOf) -> None:
    """A run far shorter than the memory, beside one with a gap in its measurements."""
    make, net = np.random.default_rng(0), net_of()
    times = np.concatenate([1.5 * np.arange(10), 60 + 1.5 * np.arange(10)])
    gap = Run(
        {n: Stream(make.standard_normal((20, k)), times) for n, k in (("A", 3), ("B", 4))},
        {"s": Stream(make.random((160, 2)), 0.25 + 0.5 * np.arange(160))},
        duration=80.0,
    )
    short = Run(
        {n: Stream(make.standard_normal((3, k)), [0.0, 0.4, 0.8]) for n, k in (("A", 3), ("B", 4))},
        {"s": Stream(make.random((2, 2)), [0.25, 0.75])},
        duration=1.0,
    )
    runs = [gap, short]
    loss, gradients = objective(net, iterate(runs))
    got_loss, got = objective(net, iterate(runs, 2), 1000)  # most windows hold no measurement
    close(got_loss, loss)
    close(got, gradients, 1e-8)
    response, activity = DRM(net).forward(iterate(runs, 2))
    assert [r.shape for r in response] == [(20, 7), (3, 7)]
    assert [[a.shape for a in run] for run in activity] == [[(160, 3), (160, 2)], [(2, 3), (2, 2)]]


def test_forward_gives_the_runs_in_their_order(runs_of: RunsOf, net_of: NetOf) -> None:
    net, runs = net_of(), runs_of((24, 17, 24))
    model = DRM(net)
    model.estimate(iterate(runs), n_epochs=0)
    together, activity = model.forward(iterate(runs))
    for k, run in enumerate(runs):
        (alone,), _ = model.forward(iterate([run], window=5))
        np.testing.assert_allclose(together[k], alone, atol=1e-10)
        blind, _ = model.forward(iterate([run.without_responses()], stimuli={"s": ("0", "1")}))
        np.testing.assert_allclose(together[k], blind[0], atol=1e-10)
        assert [a.shape for a in activity[k]] == [(len(together[k]) * 3, 3),
                                                  (len(together[k]) * 3, 2)]  # fmt: skip


def test_estimate_on_part_of_a_stream(net_of: NetOf) -> None:
    """With ``n_batches`` the maps are those of the part that was seen, its mean taken out."""
    make = np.random.default_rng(2)
    stimulus, time = make.random((240, 2)), 0.5 * np.arange(240)
    response, at = make.standard_normal((60, 7)) + 4.0, 2.0 * np.arange(60)
    part = {"resolution": 0.5, "stimulus": stimulus, "stim_time": time, "window": 40}
    few = DRMIterator(**part, response=response, resp_time=at, n_batches=3)
    net, other = net_of(), net_of()
    DRM(net, alphas=0.1).estimate(few, n_epochs=0)
    whole = DRMIterator(0.5, stimulus[:120], time[:120], response[:30], at[:30])
    DRM(other, alphas=0.1).estimate(whole, n_epochs=0)
    close(net.readout.weights[0].detach(), other.readout.weights[0].detach())
    predicted = DRM(net).forward(few)[0][0]
    assert predicted.shape == (30, 7)
    assert abs((predicted - response[:30]).mean()) < 1e-6


def test_loss_is_the_last_window_too(net_of: NetOf) -> None:
    """A stream that stops in the middle of a run: no window is left out of the gradient."""
    make = np.random.default_rng(2)
    part = {"resolution": 0.5, "stimulus": make.random((240, 2)), "stim_time": 0.5 * np.arange(240)}
    measured = {"response": make.standard_normal((60, 7)), "resp_time": 2.0 * np.arange(60)}
    net = net_of()
    few = DRMIterator(**part, **measured, window=40, n_batches=3)
    loss, gradients = objective(net, few, cutoff=1000)
    assert loss > 0 and any(g.any() for g in gradients.values())


def test_maps_trained_by_gradient(runs_of: RunsOf, net_of: NetOf) -> None:
    """They start from the mean of each target."""
    runs = runs_of()
    train, _ = DRM(net_of(), solve=False, learning_rate=0.05).estimate(iterate(runs), n_epochs=20)
    measured = np.concatenate([
        np.hstack([stream.values for stream in run.responses.values()]) for run in runs
    ])  # fmt: skip
    assert train[0] == pytest.approx(measured.var(axis=0).mean(), rel=1e-6)
    assert min(train) < 0.97 * train[0]


class AbsoluteError(nn.Module):
    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        there = ~target.isnan()
        return (prediction - target.nan_to_num(0.0)).abs()[there].mean()


class TwofoldError(DRMLoss):
    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(prediction, target)


def test_other_losses(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 24))
    with pytest.raises(UsageError, match="not for AbsoluteError"):
        DRM(net_of(), loss=AbsoluteError(), solve=True)
    assert not DRM(net_of(), loss=TwofoldError()).solve  # of its own, which maps are not for
    net = net_of()
    model = DRM(net, loss=AbsoluteError())
    train, val = model.estimate(iterate(runs), iterate(runs), n_epochs=2)
    # the same data to train and to validate on give the same loss, whichever it is
    np.testing.assert_allclose(val, train, rtol=1e-9)


def test_squared_error_to_validate_without_solving(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 17), "both")
    model = DRM(net_of(), loss=DRMLoss(), solve=False)
    train, val = model.estimate(iterate(runs), iterate(runs), n_epochs=1)
    np.testing.assert_allclose(val, train, rtol=1e-9)


@pytest.mark.parametrize("options", [{"n_epochs": -1}, {"cutoff": 0}])
def test_faulty_options(options: dict[str, int], runs_of: RunsOf, net_of: NetOf) -> None:
    with pytest.raises(UsageError, match="n_epochs >= 0 and cutoff >= 1"):
        DRM(net_of()).estimate(iterate(runs_of()), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_an_absent_device_is_an_error(runs_of: RunsOf, net_of: NetOf) -> None:
    with pytest.raises(DeviceError, match="torch sees 0 CUDA devices"):
        DRM(net_of(), device="cuda")
    with pytest.raises(DeviceError, match="torch sees 0 CUDA devices"):
        iterate(runs_of(), device="cuda")


@pytest.mark.parametrize("device", ["gpu", "mps", "meta", 3.5])
def test_an_unknown_device_is_an_error(device: Any, net_of: NetOf) -> None:
    with pytest.raises(DeviceError):
        DRM(net_of(), device=device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("window", [None, 10])
def test_training_on_cuda_equals_cpu(window: int | None, runs_of: RunsOf, net_of: NetOf) -> None:
    runs, losses, predictions = runs_of((24, 24, 17), "both"), [], []
    for device in ("cpu", "cuda"):
        model = DRM(net_of(), device=device)
        data = iterate(runs, window, device=device)
        losses.append(model.estimate(data, data, n_epochs=4))
        predictions.append(np.concatenate(model.forward(data)[0]))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(predictions[1], predictions[0], atol=1e-4)


def test_data_at_other_ticks_than_the_net_are_refused(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of((24, 24))
    net, data = net_of(), DRMIterator.from_runs(runs, 1.0)
    for use in (lambda: DRM(net).estimate(data), lambda: DRM(net).forward(data)):
        with pytest.raises(UsageError, match=r"at 1 s a tick, the net at 0\.5 s"):
            use()
