"""DRM: training a net on data, and running it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.core.exceptions import TrainingError, UsageError
from drmbids.iterators.device import check_device
from drmbids.iterators.item import Item
from drmbids.iterators.iterator import DRMIterator
from drmbids.losses.base import DRMLoss
from drmbids.net.net import DRMNet
from drmbids.training.maps import nuisance_fit
from drmbids.training.passes import (
    RunData,
    feature_windows,
    gather_features,
    gather_targets,
    windows,
)
from drmbids.training.solver import Solution, solve_maps

#: Weights on more inputs than this take smaller steps, in proportion. Adam moves every weight by
#: about the learning rate, so that the drive of a unit, and the gain of the loops it is part of,
#: move by that times its inputs: a few dozen connected regions would run away within some epochs.
#: Steps of 1 / fan-in: maximal update parametrization (Yang et al. 2022, arXiv:2203.03466).
FULL_STEP_INPUTS = 32

#: Called after every epoch with its row of the history.
Callback = Callable[[Mapping[str, Any]], None]


class DRM:
    """Dynamic representational modeling of one net.

    Each epoch the maps to targets are solved in closed form given the activity, a penalty chosen
    for each target by leaving out each run in turn, and everything upstream moves one step along
    the gradient of the same objective, through time as far back as ``cutoff``. The state with
    the lowest loss (on the validation data where there are any) is kept.

    Parameters
    ----------
    net : DRMNet
        Trained in place.
    loss : DRMLoss, optional
        Masked mean squared error when absent. Solved maps need it.
    learning_rate : float
        Of Adam (Kingma and Ba 2015, arXiv:1412.6980); smaller for the weights of units with more
        than :data:`FULL_STEP_INPUTS` inputs.
    alphas : float or sequence of float, optional
        Ridge penalties to choose from, in units of the variance of a standardised feature; the
        default of :mod:`drmbids.training.maps` when absent, a single one is used as it is.
    solve : bool
        Whether maps are solved; otherwise they are trained by gradient like the rest.
    device : str
        Where to compute.
    callbacks : sequence of callable
        Called after every epoch with a dict ``epoch, train_loss, val_loss, learning_rate,
        seconds``.

    Attributes
    ----------
    history : list of dict
        One row for each epoch. Losses are in units of the variance of the targets, nuisance
        taken out, when maps are solved: 1 means that nothing is explained.

    References
    ----------
    D'Asaro, Guclu and van Gerven 2017.
    """

    def __init__(
        self,
        net: DRMNet,
        loss: nn.Module | None = None,
        learning_rate: float = 0.03,
        alphas: float | Sequence[float] | None = None,
        solve: bool = True,
        device: str = "cpu",
        callbacks: Sequence[Callback] = (),
    ):
        self.device = check_device(device)
        self.net = net.to(self.device)
        self.loss = DRMLoss() if loss is None else loss
        if solve and type(self.loss) is not DRMLoss:
            raise UsageError(
                "maps are solved for the squared error; use solve=False for other losses"
            )
        self.learning_rate, self.alphas, self.solve = learning_rate, alphas, solve
        self.callbacks = tuple(callbacks)
        self.history: list[dict[str, Any]] = []

    def estimate(
        self,
        data_iter: DRMIterator,
        val_iter: DRMIterator | None = None,
        n_epochs: int = 1,
        cutoff: int | None = None,
    ) -> tuple[list[float], list[float]]:
        """Train the net.

        Parameters
        ----------
        data_iter : DRMIterator
            Training data.
        val_iter : DRMIterator, optional
            Runs that are not trained on; they decide which epoch is kept.
        n_epochs : int
            Passes over the data; with 0 only the maps are solved.
        cutoff : int, optional
            Ticks that gradients flow back; the window of the iterator when absent.

        Returns
        -------
        train_loss, val_loss : list of float
            One for each epoch, and one for the state after the last step; ``val_loss`` is empty
            without validation data.

        Raises
        ------
        TrainingError
            If the loss is not finite; the net is left in its best state so far.
        """
        if n_epochs < 0 or (cutoff is not None and cutoff < 1):
            raise UsageError(f"need n_epochs >= 0 and cutoff >= 1, got {n_epochs} and {cutoff}")
        targets = gather_targets(data_iter, data_iter.n_runs)
        optimizer = self._optimizer()
        best, kept = math.inf, self._snapshot()
        first = len(self.history)
        solved = self.net.readout.linear_parameters() if self.solve else []
        for epoch in range(n_epochs + 1):
            started = time.perf_counter()
            last = epoch == n_epochs
            with held_fixed(solved):
                loss = self._epoch(data_iter, targets, cutoff, backward=not last)
            val = math.nan if val_iter is None else self._validate(val_iter, targets)
            score = loss if val_iter is None else val
            if not (math.isfinite(loss) and math.isfinite(score)):
                self.net.load_state_dict(kept)
                name, value = ("validation loss", val) if math.isfinite(loss) else ("loss", loss)
                raise TrainingError(
                    f"epoch {epoch}: the {name} is {value:g}; "
                    f"lower the learning rate ({self.learning_rate:g})"
                )
            if score < best:
                best, kept = score, self._snapshot()
            if not last and optimizer is not None:
                optimizer.step()
            self._record(epoch, loss, val, time.perf_counter() - started)
        self.net.load_state_dict(kept)
        rows = self.history[first:]
        val_losses = [r["val_loss"] for r in rows] if val_iter is not None else []
        return [r["train_loss"] for r in rows], val_losses

    @torch.no_grad()
    def forward(self, data_iter: DRMIterator) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """Predict responses and activity.

        Parameters
        ----------
        data_iter : DRMIterator
            Responses are not looked at.

        Returns
        -------
        response : list of array of shape (n_measured, n_targets)
            One for each run.
        activity : list of list of array of shape (n_ticks, n_units)
            For each run, one for each population.
        """
        readout, gathered = self.net.readout, RunData(data_iter.n_runs)
        for item, features, activity in feature_windows(self.net, data_iter):
            response = readout.map_features(features, item["confounds"])
            named = {f"activity{k}": a for k, a in enumerate(activity)}
            gathered.add(item, response=response, **named)
        response = [r.cpu().numpy() for r in gathered.get("response")]
        populations = [
            [a.cpu().numpy() for a in gathered.get(f"activity{k}")]
            for k in range(len(self.net.populations))
        ]
        return response, [list(run) for run in zip(*populations, strict=True)]

    def _optimizer(self) -> torch.optim.Optimizer | None:
        solved = {id(p) for p in self.net.readout.linear_parameters()} if self.solve else set()
        wired = [*self.net.populations.parameters(), *self.net.connections.parameters()]
        weights = {id(p) for p in wired if p.ndim > 1}
        by_rate: dict[float, list[nn.Parameter]] = {}
        for p in self.net.parameters():
            if p.requires_grad and id(p) not in solved:
                n_inputs = p[0].numel() if id(p) in weights else 1
                share = min(1.0, FULL_STEP_INPUTS / n_inputs)
                by_rate.setdefault(share * self.learning_rate, []).append(p)
        groups = [{"params": moving, "lr": rate} for rate, moving in by_rate.items()]
        return torch.optim.Adam(groups) if groups else None

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.net.state_dict().items()}

    def _record(self, epoch: int, loss: float, val: float, seconds: float) -> None:
        row = {
            "epoch": epoch,
            "train_loss": loss,
            "val_loss": val,
            "learning_rate": self.learning_rate,
            "seconds": seconds,
        }
        self.history.append(row)
        for callback in self.callbacks:
            callback(row)

    def _epoch(
        self, data: DRMIterator, targets: RunData, cutoff: int | None, backward: bool
    ) -> float:
        """Solve the maps, leave the gradient of the loss on the parameters, return the loss."""
        self.net.zero_grad(set_to_none=True)
        items = list(windows(data, cutoff, self.net.resolution)) if len(data) == 1 else None
        if self.solve and items is not None and len(items) == 1:
            # everything in one window: one pass serves the solution and the gradient
            passed = list(feature_windows(self.net, items))
            solution = self._solve(gather_features(passed, data.n_runs), targets)
            if solution is None:
                return math.nan
            item, features, _ = passed[0]
            loss = solution.loss(self.net.readout, item, features)
            if backward and loss.requires_grad:
                loss.backward()
            return loss.item()
        solution = None
        if self.solve:
            with torch.no_grad():
                features = gather_features(feature_windows(self.net, data), data.n_runs)
            solution = self._solve(features, targets)
            if solution is None:
                return math.nan
        return self._truncated(data, cutoff, solution, targets, backward)

    def _solve(self, features: list[list[Tensor]], targets: RunData) -> Solution | None:
        """Return the solution, None where activity is not finite."""
        if not all(bool(torch.isfinite(x).all()) for region in features for x in region):
            return None
        return solve_maps(self.net.readout, features, targets, self.alphas)

    def _truncated(
        self,
        data: DRMIterator,
        cutoff: int | None,
        solution: Solution | None,
        targets: RunData,
        backward: bool,
    ) -> float:
        """Return the loss over all windows, backpropagating each time ``cutoff`` ticks are full."""
        readout, carry, total = self.net.readout, None, 0.0
        pending: list[Tensor] = []
        ticks = 0
        count = sum(int((~t.isnan()).sum()) for t in targets.get("response"))
        with torch.set_grad_enabled(backward):
            for item in windows(data, cutoff, self.net.resolution):
                if carry is None or item["first"]:
                    carry = self.net.initial_carry(item["stimulus"][0].shape[1])
                _, seen, carry = self.net.run(item["stimulus"], carry)
                features = readout.features(seen, item["times"])
                pending.append(self._window_loss(solution, item, features, count))
                ticks += item["stimulus"][0].shape[0]
                if item["last"] or cutoff is None or ticks >= cutoff:
                    total += self._backward(pending, backward)
                    pending, ticks, carry = [], 0, carry.detach()
            if pending:  # the stream stopped within a run
                total += self._backward(pending, backward)
        return total

    def _backward(self, pending: list[Tensor], backward: bool) -> float:
        """Return the loss of the pending windows, its gradient added to that of the parameters."""
        loss = torch.stack(pending).sum()
        if backward and loss.requires_grad:
            loss.backward()
        return loss.item()

    def _window_loss(
        self, solution: Solution | None, item: Item, features: list[Tensor], count: int
    ) -> Tensor:
        """Return the share of one window in the mean loss over all elements."""
        if solution is not None:
            return solution.loss(self.net.readout, item, features, count)
        if not len(item["times"]):
            return features[0].sum() * 0.0
        share = int((~item["response"].isnan()).sum()) / max(count, 1)
        prediction = self.net.readout.map_features(features, item["confounds"])
        return share * self.loss(prediction, item["response"])

    @torch.no_grad()
    def _validate(self, data: DRMIterator, targets: RunData) -> float:
        """Return the loss on runs that are not trained on, their own nuisance taken out."""
        if not self.solve:
            shown = gather_targets(data, data.n_runs)
            return self._truncated(data, None, None, shown, backward=False)
        scale, gathered = targets.target_scale(), RunData(data.n_runs)
        for item, features, _ in feature_windows(self.net, data):
            prediction = self.net.readout.map_features(features, item["confounds"])
            if not bool(torch.isfinite(prediction).all()):
                return math.nan
            gathered.add(item, rest=item["response"] - prediction)
        total = count = 0.0
        for series, basis in zip(gathered.get("rest"), gathered.get("nuisance"), strict=True):
            rest = series.double()
            fit = nuisance_fit(rest, basis.double())
            total += ((rest - fit) / scale).square().nansum().item()
            count += int((~rest.isnan()).sum())
        return total / max(count, 1.0)


@contextmanager
def held_fixed(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Compute no gradient for parameters inside the block: it would be as wide as the targets."""
    flags = [p.requires_grad for p in parameters]
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p, flag in zip(parameters, flags, strict=True):
            p.requires_grad_(flag)
