"""DRM: training a net on data, and running it."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts, by_name
from drmbids.data.iterators.device import check_device
from drmbids.data.iterators.item import part_of
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.arguments import positive_number, whole_number
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.maps.map_training import Maps
from drmbids.fit.maps.passes import RunData, feature_windows
from drmbids.fit.training.captured import Captured
from drmbids.fit.training.checkpoint import Checkpoint
from drmbids.fit.training.finish import Finish, check_whole, finish_training, is_finished
from drmbids.fit.training.loop import check_schedule
from drmbids.fit.training.losses import is_solved, losses_of
from drmbids.fit.training.objective import Objective
from drmbids.fit.training.profiles import find_and_train
from drmbids.fit.training.runners import Alone, Runner, SideBySide
from drmbids.fit.training.trainee import Callback, Schedule, Trainee

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
    all end in the same state (:mod:`drmbids.fit.training.parallel`).

    Parameters
    ----------
    net : DRMNet
        Trained in place.
    loss : DRMLoss, or mapping of str to DRMLoss, optional
        The one that suits the readout (``DRMReadout.loss``) when absent; with several readouts
        those of some of them by name.
    learning_rate : float
        Of Adam (Kingma and Ba 2015, arXiv:1412.6980) in the first epoch; ``schedule`` says how it
        goes on. Smaller for the weights of units with more than :data:`FULL_STEP_INPUTS` inputs.
    alphas : float or sequence of float, optional
        Ridge penalties to choose from, in units of the variance of a standardised feature; the
        default of :mod:`drmbids.fit.maps.ridge` when absent, a single one is used as it is.
    solve : bool, optional
        Whether maps are solved, not trained by gradient like the rest; when absent, for the squared
        error, the one loss that they can be solved for.
    device : str
        Where.
    callbacks : sequence of callable
        Called after every epoch with its row of the history; ``objective`` decides what is kept.
    cuda_graph : bool
        Whether every window is captured once as a CUDA graph and started by one call from then on,
        which pays for small nets on a GPU: :mod:`drmbids.fit.training.captured`.
    schedule : {"cosine", "constant"}
        Whether the learning rate falls to zero along half a cosine over the epochs of a training,
        so that it ends at rest (Loshchilov and Hutter 2017, arXiv:1608.03983), or stays.
    maps : {"solved", "evidence", "trained"}
        Maps of the squared error are solved for in every epoch, with a penalty for each target, or
        averaged by evidence (:mod:`drmbids.fit.maps.evidence`); or begin at zero and are trained by
        gradient (:mod:`drmbids.fit.maps.map_training`). Only the first have penalties.
    finish : {"auto", "lbfgs", "none"}, optional
        ``"lbfgs"`` goes on from the best state of the epochs to a minimum nearby
        (:mod:`drmbids.fit.training.finish`), for models of few parameters and whole runs;
        ``"auto"`` where the objective may have several minima (:mod:`drmbids.fit.training.modes`).
    n_finish_passes : int
        Passes over the data that this may take.

    Notes
    -----
    With several readouts the objective is the mean of their losses by weight
    (:class:`~drmbids.Readouts`), each on the scale of explained deviance: 1 for the null model,
    which predicts the mean of each target, 0 for one that predicts every element as it is. For a
    squared error this is the variance that is left, for a likelihood the deviance over that of the
    null model (Cameron and Windmeijer 1997, Journal of Econometrics 77:329-342; McFadden's measure
    for choices), for a correlation one minus it. So equal weights give each kind of measurement an
    equal say, whatever its unit, noise, channels and sampling rate; a likelihood of all samples
    would let the one with the most samples decide. Maps are solved for readouts of squared error
    and trained by gradient for the others.

    Attributes
    ----------
    history : list of dict
        One row for each epoch. Losses are in units of the variance of the targets, nuisance
        taken out, when maps are solved: 1 means that nothing is explained. With several readouts
        ``train_loss_<readout>`` and ``val_loss_<readout>`` too.
    losses : dict of str to Module
        Loss of each readout; that of the only one has an empty name.
    solved : dict of str to bool
        Whether its maps are solved.

    References
    ----------
    D'Asaro, Guclu and van Gerven 2017.
    """

    def __init__(
        self,
        net: DRMNet,
        loss: nn.Module | Mapping[str, nn.Module] | None = None,
        learning_rate: float = 0.1,
        alphas: float | Sequence[float] | None = None,
        solve: bool | None = None,
        device: str = "cpu",
        callbacks: Sequence[Callback] = (),
        cuda_graph: bool = False,
        schedule: Schedule = "cosine",
        maps: Maps = "solved",
        finish: Finish | None = None,
        n_finish_passes: int = 100,
    ):
        self.device = check_device(device)
        self.net = net.to(self.device)
        self.losses = {n: part.to(self.device) for n, part in losses_of(net.readout, loss).items()}
        self.solved = {name: is_solved(part, solve) for name, part in self.losses.items()}
        self.learning_rate = positive_number("learning_rate", learning_rate, zero=True)
        for alpha in () if alphas is None else np.atleast_1d(alphas):
            positive_number("alphas", alpha)
        self.alphas = alphas
        if cuda_graph and self.device.type != "cuda":
            raise UsageError(f"cuda_graph=True needs a CUDA device, not {str(self.device)!r}")
        self.callbacks, self.cuda_graph = tuple(callbacks), cuda_graph
        if schedule not in get_args(Schedule):
            raise UsageError(f"unknown schedule {schedule!r}; choose cosine or constant")
        self.schedule: Schedule = schedule
        if maps not in get_args(Maps):
            raise UsageError(f"unknown maps {maps!r}; choose one of: {', '.join(get_args(Maps))}")
        if maps != "solved" and alphas is not None:
            raise UsageError(f"maps={maps!r} has no penalties, got alphas={alphas}; leave one out")
        if maps != "solved" and not any(self.solved.values()):
            found = ", ".join(type(part).__name__ for part in self.losses.values())
            raise UsageError(
                f"maps={maps!r} is for maps that are else solved; those of {found} are trained by "
                "gradient as it is: leave maps out"
            )
        self.maps: Maps = maps
        if finish not in (None, *get_args(Finish)):
            raise UsageError(f"unknown finish {finish!r}; choose auto, lbfgs or none")
        self.finish: Finish = finish or "none"
        self.n_finish_passes = whole_number("n_finish_passes", n_finish_passes, least=1)
        self.history: list[dict[str, Any]] = []

    def estimate(
        self,
        data_iter: DRMIterator,
        val_iter: DRMIterator | None = None,
        n_epochs: int = 1,
        cutoff: int | None = None,
        checkpoint: Checkpoint | None = None,
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
        checkpoint : Checkpoint, optional
            Where training is taken up, and kept on the way
            (:mod:`drmbids.fit.training.checkpoint`).

        Returns
        -------
        train_loss, val_loss : list of float
            One for each epoch, one for the state after the last step, and one after the finish, if
            there is one; ``val_loss`` is empty without validation data.

        Raises
        ------
        TrainingError
            If the loss is not finite, or there is no memory for half the cut-off; the net is left
            in its best state so far.
        """
        self.check(data_iter, n_epochs, cutoff)
        if val_iter is not None:
            self._check_resolution(val_iter)
        trainee, n_before = self.trainee(data_iter, val_iter), len(self.history)
        find_and_train([trainee], self.runner(), n_epochs, cutoff, checkpoint)
        if trainee.failure is not None:
            raise trainee.failure
        self.end(trainee, n_epochs, cutoff)
        rows = self.history[n_before:]
        val_losses = [r["val_loss"] for r in rows] if val_iter is not None else []
        return [r["train_loss"] for r in rows], val_losses

    @torch.no_grad()
    def forward(self, data_iter: DRMIterator) -> tuple[list[Any], list[list[np.ndarray]]]:
        """Predict responses and activity.

        Parameters
        ----------
        data_iter : DRMIterator
            Responses are not looked at.

        Returns
        -------
        response : list of array of shape (n_measured, n_targets)
            One for each run; with several readouts a dict of one for each.
        activity : list of list of array of shape (n_ticks, n_units)
            For each run, one for each population.
        """
        self._check_resolution(data_iter)
        readouts, whole = by_name(self.net.readout), RunData(data_iter.n_runs)
        gathered = {name: RunData(data_iter.n_runs) for name in readouts}
        for item, features, activity in feature_windows(self.net, data_iter):
            following = iter(features)
            for name, readout in readouts.items():
                part, own = part_of(item, name), list(islice(following, len(readout.regions)))
                response = readout.map_features(own, part["confounds"])
                gathered[name].add(part, response=response)
            whole.add(
                part_of(item, next(iter(readouts))),
                **{f"activity{k}": a for k, a in enumerate(activity)},
            )
        predicted = {
            name: [r.cpu().numpy() for r in data.get("response")] for name, data in gathered.items()
        }
        populations = [
            [a.cpu().numpy() for a in whole.get(f"activity{k}")]
            for k in range(len(self.net.populations))
        ]
        several = [
            dict(zip(predicted, run, strict=True)) for run in zip(*predicted.values(), strict=True)
        ]
        response = several if isinstance(self.net.readout, Readouts) else predicted[ONLY]
        return response, [list(run) for run in zip(*populations, strict=True)]

    def _optimizer(self) -> torch.optim.Optimizer | None:
        readouts = by_name(self.net.readout)
        maps = {n: {id(p) for p in part.linear_parameters()} for n, part in readouts.items()}
        solved = {key for name, keys in maps.items() if self.solved[name] for key in keys}
        slow = {id(p): share for part in readouts.values() for p, share in part.step_shares()}
        wired = [*self.net.populations.parameters(), *self.net.connections.parameters()]
        weights = {id(p) for p in wired if p.ndim > 1}
        by_rate: dict[float, list[nn.Parameter]] = {}
        for p in nn.ModuleList([self.net, *self.losses.values()]).parameters():
            if p.requires_grad and id(p) not in solved:
                n_inputs = p[0].numel() if id(p) in weights else 1
                share = slow.get(id(p), min(1.0, FULL_STEP_INPUTS / n_inputs))
                by_rate.setdefault(share * self.learning_rate, []).append(p)
        groups = [{"params": p, "lr": rate, "largest": rate} for rate, p in by_rate.items()]
        return torch.optim.Adam(groups) if groups else None

    @property
    def trained(self) -> nn.ModuleList:
        """All that training moves: the net, and losses, which may have parameters of their own."""
        return nn.ModuleList([self.net, *self.losses.values()])

    def begin_again(self, start: Mapping[str, torch.Tensor], learning_rate: float) -> None:
        """Go back to a state of :attr:`trained`, with an empty history and another learning rate.

        Parameters
        ----------
        start : mapping of str to Tensor
        learning_rate : float
        """
        self.trained.load_state_dict(start)
        self.history.clear()
        self.learning_rate = learning_rate

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
            self._objectives(),
            self._optimizer(),
            self.schedule,
            self.learning_rate,
            self.callbacks,
            self.history,
            label,
        )

    def check(self, data_iter: DRMIterator, n_epochs: int, cutoff: int | None) -> None:
        """Raise :class:`UsageError` unless a training of :meth:`estimate` makes sense."""
        check_schedule(n_epochs, cutoff)
        self._check_resolution(data_iter)
        if self.finish == "lbfgs":
            check_whole(data_iter, cutoff)

    def _check_resolution(self, data: DRMIterator) -> None:
        """Raise :class:`UsageError` where data are at other ticks than the net."""
        theirs, own = data.resolution, self.net.resolution
        if not math.isclose(theirs, own, rel_tol=1e-9):
            raise UsageError(
                f"the data are at {theirs:g} s a tick, the net at {own:g} s; make both alike: "
                "DRMIterator.from_runs(runs, net.resolution)"
            )

    def end(self, trainee: Trainee, n_epochs: int, cutoff: int | None) -> None:
        """Finish a training after its epochs, as far as that was asked for."""
        if is_finished(trainee, self.finish, cutoff):
            finish_training(trainee, self.runner(), n_epochs, cutoff, self.n_finish_passes)

    @property
    def solve(self) -> bool:
        """Whether the maps of all readouts are solved."""
        return all(self.solved.values())

    def _objectives(self) -> list[Objective]:
        readout = self.net.readout
        weights = readout.weights if isinstance(readout, Readouts) else {}
        unit_bands = [population.unit_bands() for population in self.net.populations]
        return [
            Objective(
                part,
                self.losses[name],
                self.solved[name],
                self.alphas,
                name,
                weights.get(name, 1.0),
                self.maps,
                unit_bands,
            )
            for name, part in by_name(readout).items()
        ]
