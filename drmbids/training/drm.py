"""DRM: training a net on data, and running it."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from drmbids.core.exceptions import UsageError
from drmbids.iterators.device import check_device
from drmbids.iterators.iterator import DRMIterator
from drmbids.losses.base import DRMLoss
from drmbids.net.net import DRMNet
from drmbids.training.captured import Captured
from drmbids.training.loop import check_schedule, train
from drmbids.training.map_training import Maps
from drmbids.training.passes import RunData, feature_windows
from drmbids.training.runners import Alone, Runner, SideBySide
from drmbids.training.trainee import Callback, Schedule, Trainee

#: Weights on more inputs than this take smaller steps, in proportion. Adam moves every weight by
#: about the learning rate, so that the drive of a unit, and the gain of the loops it is part of,
#: move by that times its inputs: a few dozen connected regions would run away within some epochs.
#: Steps of 1 / fan-in: maximal update parametrization (Yang et al. 2022, arXiv:2203.03466).
FULL_STEP_INPUTS = 10


class DRM:
    """Dynamic representational modeling of one net.

    Each epoch the maps to targets are solved in closed form given the activity, a penalty chosen
    for each target by leaving out each run in turn, and everything upstream moves one step along
    the gradient of the same objective, through time as far back as ``cutoff``. The state with
    the lowest loss (on the validation data where there are any) is kept.

    Processes that ``torchrun`` started train one net together: each computes its share of the runs,
    all end in the same state (:mod:`drmbids.training.parallel`).

    Parameters
    ----------
    net : DRMNet
        Trained in place.
    loss : DRMLoss, optional
        Masked mean squared error when absent. Solved maps need it.
    learning_rate : float
        Of Adam (Kingma and Ba 2015, arXiv:1412.6980) in the first epoch; ``schedule`` says how it
        goes on. Smaller for the weights of units with more than :data:`FULL_STEP_INPUTS` inputs.
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
    cuda_graph : bool
        Whether every window is captured once as a CUDA graph and started by one call from then on,
        which pays for small nets on a GPU: :mod:`drmbids.training.captured`.
    schedule : {"cosine", "constant"}
        Whether the learning rate falls to zero along half a cosine over the epochs of a training,
        so that it ends at rest (Loshchilov and Hutter 2017, arXiv:1608.03983), or stays.
    maps : {"solved", "trained"}
        Whether the maps of the squared error are solved for in every epoch, or begin at zero and
        are trained by gradient, nuisance taken out all the same
        (:mod:`drmbids.training.map_training`). Then they have no penalties.

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
        learning_rate: float = 0.1,
        alphas: float | Sequence[float] | None = None,
        solve: bool = True,
        device: str = "cpu",
        callbacks: Sequence[Callback] = (),
        cuda_graph: bool = False,
        schedule: Schedule = "cosine",
        maps: Maps = "solved",
    ):
        self.device = check_device(device)
        self.net = net.to(self.device)
        self.loss = DRMLoss() if loss is None else loss
        if solve and type(self.loss) is not DRMLoss:
            raise UsageError(
                "maps are solved for the squared error; use solve=False for other losses"
            )
        self.learning_rate, self.alphas, self.solve = learning_rate, alphas, solve
        if cuda_graph and self.device.type != "cuda":
            raise UsageError(f"cuda_graph=True needs a CUDA device, not {str(self.device)!r}")
        self.callbacks, self.cuda_graph = tuple(callbacks), cuda_graph
        if schedule not in get_args(Schedule):
            raise UsageError(f"unknown schedule {schedule!r}; choose cosine or constant")
        self.schedule: Schedule = schedule
        if maps not in get_args(Maps):
            raise UsageError(f"unknown maps {maps!r}; choose solved or trained")
        if maps == "trained" and (alphas is not None or not solve):
            raise UsageError("maps='trained' has no alphas and needs solve=True; leave one out")
        self.maps: Maps = maps
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
            Ticks that gradients flow back; the window of the iterator when absent. Halved once,
            with a warning, where memory runs out.

        Returns
        -------
        train_loss, val_loss : list of float
            One for each epoch, and one for the state after the last step; ``val_loss`` is empty
            without validation data.

        Raises
        ------
        TrainingError
            If the loss is not finite, or there is no memory for half the cut-off; the net is left
            in its best state so far.
        """
        check_schedule(n_epochs, cutoff)
        train([self.trainee(data_iter, val_iter)], self.runner(), n_epochs, cutoff)
        rows = self.history[-n_epochs - 1 :]
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
        groups = [{"params": p, "lr": rate, "largest": rate} for rate, p in by_rate.items()]
        return torch.optim.Adam(groups) if groups else None

    def runner(self, nets: Sequence[DRMNet] | None = None) -> Runner:
        """Return what runs the net, or several nets of its structure, over windows."""
        alone = nets is None or len(nets) == 1
        runner = Alone(self.net) if alone else SideBySide(nets)
        return Captured(runner) if self.cuda_graph else runner

    def trainee(
        self, data_iter: DRMIterator, val_iter: DRMIterator | None = None, label: str = ""
    ) -> Trainee:
        """Return what the training loop needs of this model and its data."""
        return Trainee(
            self.net,
            data_iter,
            val_iter,
            self.loss,
            self._optimizer(),
            self.schedule,
            self.learning_rate,
            self.alphas,
            self.solve,
            self.callbacks,
            self.history,
            label,
            self.maps,
        )
