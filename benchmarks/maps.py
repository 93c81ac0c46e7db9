"""Solved maps of very many targets: time of an epoch, memory for each target, the same numbers."""

import json
import subprocess
import sys
from collections.abc import Callable

import torch
from himalaya.backend import set_backend
from himalaya.ridge import RidgeCV
from sklearn.model_selection import PredefinedSplit
from torch import Tensor

from benchmarks.rows import Row, compare, peak_mb
from drmbids import BOLD, DRMReadout
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.ridge import DEFAULT_ALPHAS
from drmbids.fit.maps.solver import MapSolver
from drmbids.maths.estimation.ridge import residualise
from drmbids.maths.estimation.ridge_search import search_ridge

N_RUNS, N_VOLUMES, N_UNITS, N_DRIFTS = 6, 200, 16, 6
N_TARGETS, FEW, MANY = 20_000, 20_000, 100_000
ALPHAS = torch.tensor(DEFAULT_ALPHAS, dtype=torch.float64)


class Problem:
    """Features that wander, targets about 100 that they explain in part, slow drifts.

    Parameters
    ----------
    n_targets : int
    """

    def __init__(self, n_targets: int):
        make = torch.Generator().manual_seed(0)
        walk = 0.3 * torch.randn(N_VOLUMES, N_RUNS, N_UNITS, generator=make).cumsum(0)
        self.features = walk.requires_grad_()
        line = torch.linspace(-1, 1, N_VOLUMES)
        drifts = torch.linalg.qr(line[:, None] ** torch.arange(N_DRIFTS))[0]
        response = torch.empty(N_VOLUMES, N_RUNS, n_targets)
        for some in response.split(1000, -1):  # made in place: nothing else is as wide
            noise = torch.randn(some.shape, generator=make)
            weights = torch.randn(N_UNITS, some.shape[-1], generator=make)
            some.copy_(100 + walk.detach() @ weights + 5 * noise)
        self.item = {
            "times": torch.arange(N_VOLUMES) * 2.0,
            "response": response,
            "confounds": torch.zeros(N_VOLUMES, N_RUNS, 0),
            "nuisance": [drifts] * N_RUNS,
            "runs": tuple(range(N_RUNS)),
            "first": True,
        }
        self.targets = RunData(N_RUNS)
        self.targets.add(self.item, response=response, confounds=self.item["confounds"])

    def readout(self) -> DRMReadout:
        """Return a readout for the targets, its maps held fixed as in training."""
        return BOLD([N_UNITS], [self.item["response"].shape[-1]]).requires_grad_(False)

    def step(self, solver: MapSolver) -> tuple[Tensor, Tensor]:
        """Return loss and gradient for the features, as an epoch of training has them."""
        self.features.grad = None
        solution = solver.solve([list(self.features.detach().unbind(1))])
        loss = solution.loss(self.item, [self.features], self.item["response"].numel())
        loss.backward()
        return loss.detach(), self.features.grad


def at_once(problem: Problem) -> tuple[Tensor, Tensor]:
    """Return the same loss and gradient, all targets at once in float64 and by autograd."""
    (basis, *_), response = problem.item["nuisance"], problem.item["response"]
    basis = torch.linalg.qr(basis.double())[0]
    x = problem.features.detach().requires_grad_()
    clean = [residualise(basis, run) for run in x.double().unbind(1)]
    y = [residualise(basis, run.double()) for run in response.unbind(1)]
    n_rows = N_RUNS * N_VOLUMES
    spread = (torch.cat(clean).square().sum(0) / n_rows).sqrt()
    variance = torch.stack([run.square().sum(0) for run in y]).sum(0) / n_rows
    n_free = n_rows - N_RUNS * N_DRIFTS
    runs = [((a / spread).detach(), t, float(N_DRIFTS)) for a, t in zip(clean, y, strict=True)]
    fit = search_ridge(runs, ALPHAS * n_free, torch.ones(1, N_UNITS, dtype=torch.float64))
    weights = fit.weights / spread.detach()[:, None]
    error = sum((t - a @ weights).square().sum(0) for a, t in zip(clean, y, strict=True))
    penalty = fit.alpha * (spread[:, None] * weights).square().sum(0)
    loss = ((error + penalty) / variance).sum() / response.numel()
    loss.backward()
    return loss.detach(), x.grad


def same_as_at_once() -> list[Row]:
    """Return the time of an epoch over that with all targets at once, and the numbers' gap."""
    torch.set_num_threads(1)
    problem = Problem(N_TARGETS)
    solver = MapSolver(problem.readout(), problem.targets, None)
    loss, slope = problem.step(solver)
    slope, (wanted, gradient) = slope.clone(), at_once(problem)
    gap = float((slope - gradient).norm() / gradient.norm())

    ours, theirs = compare(lambda: problem.step(solver), lambda: at_once(problem))
    seconds = f"{ours:.2f} s against {theirs:.2f} s, {N_TARGETS} targets, {N_UNITS} features"
    off = abs(float(loss / wanted) - 1)
    return [
        Row("maps", "DRM epoch", "time over all at once", ours / theirs, 0.34, True, seconds),
        # features are in float32, and so is their gradient
        Row("maps", "DRM epoch", "relative gap of the gradient", gap, 1e-6, True),
        Row("maps", "DRM epoch", "relative gap of the loss", off, 1e-7, True, f"{float(loss):.9f}"),
        against_himalaya(problem, solver),
    ]


def against_himalaya(problem: Problem, solver: MapSolver) -> Row:
    """Return the time of an epoch, gradient and all, over one fit of himalaya's ridge."""
    set_backend("torch")
    (basis, *_), response = problem.item["nuisance"], problem.item["response"]
    runs = zip(problem.features.detach().unbind(1), response.unbind(1), strict=True)
    pairs = [(residualise(basis, x), residualise(basis, y)) for x, y in runs]
    x, y = (torch.cat(part) for part in zip(*pairs, strict=True))
    folds = PredefinedSplit(torch.arange(N_RUNS).repeat_interleave(N_VOLUMES).numpy())
    batches = {"n_targets_batch": 1024}
    peer = RidgeCV((ALPHAS * len(x)).float(), fit_intercept=False, cv=folds, solver_params=batches)
    ours, theirs = compare(lambda: problem.step(solver), lambda: peer.fit(x, y))
    set_backend("numpy")
    seconds = f"{ours:.2f} s against {theirs:.2f} s in float32"
    return Row("maps", "DRM epoch", "time over himalaya RidgeCV", ours / theirs, 1.0, True, seconds)


def memory() -> list[Row]:
    """Return what a target adds to the peak, over the bytes of its measurements."""
    peaks = []
    for n_targets in (FEW, MANY):
        command = [sys.executable, "-m", "benchmarks.maps", str(n_targets)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(json.loads(done.stdout))
    data = 4 * N_RUNS * N_VOLUMES * (MANY - FEW) / 2**20
    detail = f"peaks {peaks[0]:.0f} MB and {peaks[1]:.0f} MB for {FEW} and {MANY} targets"
    value = (peaks[1] - peaks[0]) / data
    return [
        Row("maps-memory", "DRM epochs", "growth over that of the data", value, 1.25, True, detail)
    ]


def peak_of(n_targets: int) -> float:
    """Return the peak memory in MB of a process that takes two steps."""
    torch.set_num_threads(1)
    problem = Problem(n_targets)
    solver = MapSolver(problem.readout(), problem.targets, None)
    for _ in range(2):
        problem.step(solver)
    return peak_mb()


ROWS: dict[str, Callable[[], list[Row]]] = {"maps": same_as_at_once, "maps-memory": memory}

if __name__ == "__main__":
    json.dump(peak_of(int(sys.argv[1])), sys.stdout)
