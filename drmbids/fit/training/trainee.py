"""A net on its way: its data, how it is trained, and the best state so far."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from drmbids.brain.net.net import DRMNet
from drmbids.brain.nodes import log_prior
from drmbids.data.iterators.item import Item, part_of
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.exceptions import DataError, DivergenceError, UsageError
from drmbids.fit.maps.passes import feature_windows, gather_targets
from drmbids.fit.training.divergence import explain_divergence
from drmbids.fit.training.objective import Objective
from drmbids.fit.training.parallel import Workers
from drmbids.fit.training.runners import Features

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
    objectives : sequence of Objective
        What the net is trained for: one for each readout.
    optimizer : Optimizer or None
        None where nothing but the maps is trained.
    schedule : {"cosine", "constant"}
        How the learning rate goes on; see :class:`drmbids.DRM`.
    learning_rate : float
        The largest, for the history and messages.
    callbacks : sequence of callable
    history : list of dict
        Rows are added to it.
    label : str
        Who this is, for messages; empty for one net alone.
    """

    net: DRMNet
    data: DRMIterator
    validation: DRMIterator | None
    objectives: Sequence[Objective]
    optimizer: torch.optim.Optimizer | None
    schedule: Schedule
    learning_rate: float
    callbacks: Sequence[Callback]
    history: list[dict[str, Any]]
    label: str = ""
    end: int | None = field(init=False, default=None)
    best: float = field(init=False, default=math.inf)
    best_epoch: int = field(init=False, default=0)
    kept: dict[str, Tensor] = field(init=False)
    workers: Workers = field(init=False)
    longest: int = field(init=False)
    parts: list[Tensor] = field(init=False, default_factory=list)
    unseen: dict[str, float] = field(init=False, default_factory=dict)
    failure: DivergenceError | None = field(init=False, default=None)
    _n_independent: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.workers = Workers(next(self.net.parameters()).device)
        targets = [gather_targets(self.data, self.data.n_runs, o.name) for o in self.objectives]
        self.workers.agree(self.net, targets)
        self.longest = self.data.longest
        n_workers, n_runs = self.workers.size, len(targets[0].runs)
        if n_workers > n_runs:
            raise UsageError(f"{n_workers} workers for {n_runs} runs; start at most one for each")
        self.data = self.workers.share(self.data)
        if self.validation is not None:
            self.validation = self.workers.share(self.validation)
        for objective, known in zip(self.objectives, targets, strict=True):
            unseen = None
            if self.validation is not None:
                n_unseen = self.validation.n_runs
                unseen = gather_targets(self.validation, n_unseen, objective.name)
            objective.attach(known, unseen)
        self._train_maps()
        self.kept = self._snapshot()

    @property
    def trained(self) -> nn.ModuleList:
        """The net, and losses, which may have parameters of their own."""
        return nn.ModuleList([self.net, *(objective.loss for objective in self.objectives)])

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.trained.state_dict().items()}

    @property
    def looks_ahead(self) -> bool:
        """Whether a pass over all windows has to come before the one that gives gradients."""
        return any(objective.looks_ahead for objective in self.objectives)

    def passive(self) -> list[nn.Parameter]:
        """Return the parameters that follow the others: solved maps."""
        return [p for objective in self.objectives for p in objective.passive()]

    def begin(self) -> None:
        """Begin an epoch."""
        self.parts = [torch.zeros(()) for _ in self.objectives]
        for objective in self.objectives:
            objective.loss.zero_grad(set_to_none=True)
            objective.begin(self.data.n_runs)

    def shares(self, item: Item, features: Features) -> Iterator[tuple[Objective, Item, Features]]:
        """Yield each objective with its part of the item and of the features."""
        first = 0
        for objective in self.objectives:
            n_regions = len(objective.readout.regions)
            yield objective, part_of(item, objective.name), features[first : first + n_regions]
            first += n_regions

    def observe(self, item: Item, features: Features) -> None:
        """Take note of one window of the pass that looks ahead."""
        for objective, part, own in self.shares(item, features):
            objective.observe(part, own)

    def complete(self) -> None:
        """Add what the other workers have seen."""
        for objective in self.objectives:
            objective.complete(self.workers)

    def settle(self) -> bool:
        """Solve for what all windows depend on; False where it is not finite."""
        return all([objective.settle() for objective in self.objectives])

    def window_loss(self, item: Item, features: Features) -> Tensor:
        """Return the share of one window in the loss of the epoch.

        Of several readouts it is the weighted mean of their losses, each on the scale where 1
        explains nothing and 0 all.
        """
        if not self.joint:
            (objective,) = self.objectives
            return objective.window_loss(item, features, objective.n_measured)
        total = features[0].new_zeros(())
        weights = sum(objective.weight for objective in self.objectives)
        for k, (objective, part, own) in enumerate(self.shares(item, features)):
            with torch.set_grad_enabled(torch.is_grad_enabled() and objective.weight > 0):
                loss = objective.window_loss(part, own, objective.n_measured)
            self.parts[k] = self.parts[k].to(loss) + loss.detach()
            if objective.weight:
                total = total + objective.weight / weights * objective.slope * loss
        return total

    def combine(self, total: float) -> tuple[float, dict[str, float]]:
        """Return the loss of an epoch and those of its readouts, from the sum over its windows.

        Parameters
        ----------
        total : float
            NaN where something was not finite.
        """
        if not self.joint:
            return total, {}
        sums = self.workers.sum([part.item() for part in self.parts])
        pairs = zip(self.objectives, sums, strict=True)
        losses = {o.name: o.on_common_scale(value) for o, value in pairs}
        return math.nan if math.isnan(total) else self._mean(losses), losses

    def _mean(self, losses: Mapping[str, float]) -> float:
        """Return the weighted mean of the losses of readouts."""
        counted = [o for o in self.objectives if o.weight]
        total = sum(o.weight * losses[o.name] for o in counted)
        return total / sum(o.weight for o in counted)

    @property
    def joint(self) -> bool:
        """Whether there are several readouts, so that losses have to be on one scale."""
        return self.objectives[0].name != ONLY

    def _train_maps(self) -> None:
        """Give the maps that move by gradient to the optimizer."""
        for objective in self.objectives:
            group = objective.map_group(self.learning_rate)
            if group is None:
                continue
            if self.optimizer is None:
                self.optimizer = torch.optim.Adam([group])
            else:
                self.optimizer.add_param_group(group)

    def add_prior(self, loss: float, backward: bool) -> float:
        """Return what priors of parameters add to the loss; add its gradient to theirs.

        With Gaussian noise of variance ``v`` in ``n`` independent samples, the logarithm of the
        likelihood is ``-n (loss / v + log v) / 2``. It is largest where ``v = loss``, so that
        ``loss - 2 v / n log_prior`` has no slope at the most probable parameters. A loss that is
        itself the likelihood, as of counts or choices, takes ``-log_prior / n``.

        Parameters
        ----------
        loss : float
            Mean squared error, or mean negative log-likelihood.
        backward : bool
            Whether the gradient is wanted.
        """
        prior = log_prior(self.net)
        if prior is None or not math.isfinite(loss):
            return 0.0
        if self._n_independent is None:
            counted = [o.targets for o in self.objectives if o.weight]
            self._n_independent = sum(targets.n_independent() for targets in counted)
        share = 1.0 if self.objectives[0].in_nats else 2 * loss
        penalty = -share / self._n_independent * prior
        if backward and penalty.requires_grad:
            penalty.backward()
        return penalty.item()

    def judge(self, epoch: int, loss: float, penalty: float = 0.0) -> tuple[float, float]:
        """Keep the state if it is the best so far.

        Returns
        -------
        val : float
            Validation loss, NaN without validation runs.
        objective : float
            What decided.

        Raises
        ------
        DivergenceError
            If a loss is not finite; the net is left in its best state.
        """
        val = math.nan
        if self.validation is not None:
            val = self._validate(self.validation)
        score = loss + penalty if self.validation is None else val
        if not (math.isfinite(loss) and math.isfinite(score)):
            kept = {name.removeprefix("0."): value for name, value in self.kept.items()}
            why = explain_divergence(self.net, kept, self.best_epoch, self.passive())
            self.restore()
            name, value = ("validation loss", val) if math.isfinite(loss) else ("loss", loss)
            who = f"{self.label}: " if self.label else ""
            raise DivergenceError(
                f"{who}epoch {epoch}: the {name} is {value:g}; "
                f"lower the learning rate ({self.learning_rate:g}): {why}"
            )
        # where the end is known, so is what is kept
        if score < self.best if self.end is None else epoch == self.end:
            self.best, self.best_epoch, self.kept = score, epoch, self._snapshot()
        return val, score

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
        """Put the net, and the parameters of losses, back into their best state."""
        self.trained.load_state_dict(self.kept)

    def record(
        self,
        epoch: int,
        loss: float,
        val: float,
        objective: float,
        rate: float,
        seconds: float,
        parts: Mapping[str, float],
    ) -> None:
        """Add a row to the history; the first worker shows it to the callbacks."""
        row = {
            "epoch": epoch,
            "train_loss": loss,
            "val_loss": val,
            "objective": objective,
            "learning_rate": rate,
            "seconds": seconds,
            **{f"train_loss_{name}": value for name, value in parts.items()},
            **{f"val_loss_{name}": value for name, value in self.unseen.items()},
        }
        self.history.append(row)
        for callback in self.callbacks if self.workers.is_first else ():
            callback(row)

    @torch.no_grad()
    def _validate(self, data: DRMIterator) -> float:
        """Return the loss on runs that are not trained on, their own nuisance taken out."""
        with self.workers.together():
            for objective in self.objectives:
                objective.begin_validation(data.n_runs)
            for item, features, _ in feature_windows(self.net, data):
                for objective, part, own in self.shares(item, features):
                    objective.validate(part, own)
        losses = {}
        for objective in self.objectives:
            total, count = self.workers.sum(list(objective.validation(self.workers)))
            if not count and not math.isnan(total) and objective.weight:
                named = f"readout {objective.name!r}: " if self.joint else ""
                raise DataError(
                    f"{named}no validation run has a measured sample; choose other runs"
                )
            losses[objective.name] = total / count if count else math.nan
        if not self.joint:
            return losses[ONLY]
        self.unseen = {o.name: o.on_common_scale(losses[o.name]) for o in self.objectives}
        return self._mean(self.unseen)
