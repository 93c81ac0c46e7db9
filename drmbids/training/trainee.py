"""A net on its way: its data, how it is trained, and the best state so far."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from drmbids.core.exceptions import TrainingError, UsageError
from drmbids.iterators.item import Item
from drmbids.iterators.iterator import DRMIterator
from drmbids.net.net import DRMNet
from drmbids.nodes import log_prior
from drmbids.training.divergence import explain_divergence
from drmbids.training.map_training import Maps, MapTrainer
from drmbids.training.parallel import Workers
from drmbids.training.passes import RunData, feature_windows, gather_targets
from drmbids.training.runners import Features
from drmbids.training.solver import MapSolver, Solution, squared_error

#: Called after every epoch with its row of the history.
Callback = Callable[[Mapping[str, Any]], None]

#: How the learning rate goes on over the epochs of a training.
Schedule = Literal["cosine", "constant"]


@dataclass(eq=False)
class Trainee:
    """A net on its way: its data, how it is trained, and the best state so far.

    Parameters
    ----------
    net : DRMNet
    data : DRMIterator
        Training runs.
    validation : DRMIterator or None
        Runs that decide which epoch is kept; the training runs do when None.
    loss : Module
        Used where maps are not solved.
    optimizer : Optimizer or None
        None where nothing but the maps is trained.
    schedule : {"cosine", "constant"}
        How the learning rate goes on; see :class:`drmbids.DRM`.
    learning_rate : float
        The largest, for the history and messages.
    alphas : float, sequence of float or None
        Penalties to choose from.
    solve : bool
        Whether maps are solved.
    callbacks : sequence of callable
    history : list of dict
        Rows are added to it.
    label : str
        Who this is, for messages; empty for one net alone.
    maps : {"solved", "trained"}
        How maps are solved: at once, or step by step (:mod:`drmbids.training.map_training`).
    """

    net: DRMNet
    data: DRMIterator
    validation: DRMIterator | None
    loss: nn.Module
    optimizer: torch.optim.Optimizer | None
    schedule: Schedule
    learning_rate: float
    alphas: float | Sequence[float] | None
    solve: bool
    callbacks: Sequence[Callback]
    history: list[dict[str, Any]]
    label: str = ""
    maps: Maps = "solved"
    targets: RunData = field(init=False)
    unseen: RunData | None = field(init=False, default=None)
    solver: MapSolver | MapTrainer | None = field(init=False, default=None)
    n_measured: int = field(init=False)
    solution: Solution | None = field(init=False, default=None)
    best: float = field(init=False, default=math.inf)
    best_epoch: int = field(init=False, default=0)
    kept: dict[str, Tensor] = field(init=False)
    workers: Workers = field(init=False)
    longest: int = field(init=False)
    _n_independent: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.workers = Workers(next(self.net.parameters()).device)
        self.targets = gather_targets(self.data, self.data.n_runs)
        self.n_measured = count_measured(self.targets)
        self.workers.agree(self.net, self.targets)
        self.longest = self.data.longest
        n_workers, n_runs = self.workers.size, len(self.targets.runs)
        if n_workers > n_runs:
            raise UsageError(f"{n_workers} workers for {n_runs} runs; start at most one for each")
        self.data = self.workers.share(self.data)
        if self.validation is not None:
            self.validation = self.workers.share(self.validation)
            self.unseen = gather_targets(self.validation, self.validation.n_runs)
        self.kept = self._snapshot()

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.net.state_dict().items()}

    def gather(self, mine: RunData, n_regions: int) -> list[list[Tensor]]:
        """Return the features of all runs from those of this worker's."""
        return self.workers.features(mine, self.targets, n_regions)

    def solve_maps(self, features: Sequence[Sequence[Tensor]]) -> bool:
        """Solve the maps; False where activity is not finite."""
        finite = all(bool(torch.isfinite(x).all()) for region in features for x in region)
        self.solution = None
        if self.solver is None:
            self.solver = self._new_solver()
        if finite:
            self.solution = self.solver.solve(features)
        return finite

    def _new_solver(self) -> MapSolver | MapTrainer:
        if self.maps == "solved":
            return MapSolver(self.net.readout, self.targets, self.alphas)
        trainer = MapTrainer(self.net.readout, self.targets)
        group = trainer.group(self.learning_rate)
        if self.optimizer is None:
            self.optimizer = torch.optim.Adam([group])
        else:
            self.optimizer.add_param_group(group)
        return trainer

    def add_prior(self, loss: float, backward: bool) -> float:
        """Return what priors of parameters add to the loss; add its gradient to theirs.

        With Gaussian noise of variance ``v`` in ``n`` independent samples, the logarithm of the
        likelihood is ``-n (loss / v + log v) / 2``. It is largest where ``v = loss``, so that
        ``loss - 2 v / n log_prior`` has no slope at the most probable parameters.

        Parameters
        ----------
        loss : float
            Mean squared error.
        backward : bool
            Whether the gradient is wanted.
        """
        prior = log_prior(self.net)
        if prior is None or not math.isfinite(loss):
            return 0.0
        if self._n_independent is None:
            self._n_independent = self.targets.n_independent()
        penalty = -2 * loss / self._n_independent * prior
        if backward:
            penalty.backward()
        return penalty.item()

    def judge(self, epoch: int, loss: float, penalty: float = 0.0) -> float:
        """Keep the state if it is the best so far; return the validation loss, NaN without one.

        Raises
        ------
        TrainingError
            If a loss is not finite; the net is left in its best state.
        """
        val = math.nan
        if self.validation is not None and self.unseen is not None:
            val = self._validate(self.validation, self.unseen)
        score = loss + penalty if self.validation is None else val
        if not (math.isfinite(loss) and math.isfinite(score)):
            passive = self.net.readout.linear_parameters() if self.solve else []
            why = explain_divergence(self.net, self.kept, self.best_epoch, passive)
            self.restore()
            name, value = ("validation loss", val) if math.isfinite(loss) else ("loss", loss)
            who = f"{self.label}: " if self.label else ""
            raise TrainingError(
                f"{who}epoch {epoch}: the {name} is {value:g}; "
                f"lower the learning rate ({self.learning_rate:g}): {why}"
            )
        if score < self.best:
            self.best, self.best_epoch, self.kept = score, epoch, self._snapshot()
        return val

    def step(self, epoch: int, n_epochs: int) -> float:
        """Take a step along the gradient; return the learning rate it was taken with."""
        share = 1.0
        if self.schedule == "cosine":
            share = (1 + math.cos(math.pi * epoch / n_epochs)) / 2
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = share * group["largest"]
            self.optimizer.step()
        return share * self.learning_rate

    def forget(self) -> None:
        """Forget best state and moments of the optimizer: the model is another from now on."""
        self.best = math.inf
        if self.optimizer is not None:
            self.optimizer.state.clear()

    def restore(self) -> None:
        """Put the net back into its best state."""
        self.net.load_state_dict(self.kept)

    def record(self, epoch: int, loss: float, val: float, rate: float, seconds: float) -> None:
        """Add a row to the history; the first worker shows it to the callbacks."""
        row = {
            "epoch": epoch,
            "train_loss": loss,
            "val_loss": val,
            "learning_rate": rate,
            "seconds": seconds,
        }
        self.history.append(row)
        for callback in self.callbacks if self.workers.is_first else ():
            callback(row)

    @torch.no_grad()
    def _validate(self, data: DRMIterator, targets: RunData) -> float:
        """Return the loss on runs that are not trained on, their own nuisance taken out."""
        validate = self._squared_error if self.solve else self._own_loss
        with self.workers.together():
            total, count = validate(data, targets)
        total, count = self.workers.sum([total, count])
        return total / max(count, 1.0)

    def _own_loss(self, data: DRMIterator, targets: RunData) -> tuple[float, int]:
        """Return the loss, not divided by the measured elements, and their number."""
        count = count_measured(targets)
        losses = (
            self.window_loss(item, features, count)
            for item, features, _ in feature_windows(self.net, data)
        )
        return sum(loss.item() for loss in losses) * count, count

    def _squared_error(self, data: DRMIterator, targets: RunData) -> tuple[float, int]:
        """Return the sum of squared errors in units of the targets, and how many they are."""
        gathered, readout = RunData(data.n_runs), self.net.readout
        for item, features, _ in feature_windows(self.net, data):
            if not all(bool(torch.isfinite(x).all()) for x in features):
                return math.nan, 0
            gathered.add_features(item, features)
        scale = self.targets.target_scale()
        return squared_error(readout, gathered.features(len(readout.regions)), targets, scale)

    def window_loss(self, item: Item, features: Features, count: int) -> Tensor:
        """Return the share of one window in the mean loss over ``count`` measured elements."""
        if self.solution is not None:
            return self.solution.loss(item, features, count)
        if self.solve or not len(item["times"]):  # not solved: activity is not finite
            return features[0].sum() * 0.0
        share = int((~item["response"].isnan()).sum()) / max(count, 1)
        prediction = self.net.readout.map_features(features, item["confounds"])
        return share * self.loss(prediction, item["response"])


def count_measured(targets: RunData) -> int:
    """Return the number of measured elements."""
    return sum(int((~series.isnan()).sum()) for series in targets.get("response"))
