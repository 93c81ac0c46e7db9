"""Stacking: a model's predictions averaged with those of a linear model, as the data choose.

The linear model has the same stimuli, drift and confounds, but neither dynamics nor coupling. What
it has beyond a GLM: readout weights, and deviations of each target from the common response, are
averaged by their evidence (:mod:`drmbids.fit.maps.evidence`), and that response, which starts at
SPM's, is trained for it. How much of the mean is the model's own is chosen for
each target by what predicts left-out parts of the training data best
(:mod:`drmbids.fit.estimators.shares`): 0 where dynamics are worth nothing, 1 where the linear model
adds nothing.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal, Self

import numpy as np
import torch

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import HRFSpec, PopulationSpec, ProjectionSpec, TrainingSpec
from drmbids.brain.net.net import DRMNet
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.inner_folds import inner_folds
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, TrainingWarning, UsageError
from drmbids.data.tools.processes import RANDOM
from drmbids.fit.estimators.given_net import GivenNet
from drmbids.fit.estimators.shares import Held, shares_of_second
from drmbids.fit.maps.map_training import Maps
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, Trained, train_all
from drmbids.maths.metrics.scores import without_nuisance

#: Makes an iterator of runs for a net.
Iterate = Callable[[Sequence[Run], DRMNet], DRMIterator]

#: What predictions are averaged with.
Stacking = Literal["linear", "none"]

#: Seconds in which units of the linear model follow their input: far below a tick.
TAU = 0.01

#: Epochs that the response of the linear model is trained for; ridge has no evidence to train for.
#: In simulated studies of a response that peaks between 3.5 and 7.5 s the median error of predicted
#: peaks is .73 s without, .34 s after 5 epochs, and .31 s after 10; 10 take twice the time.
N_EPOCHS: dict[Maps, int] = {"evidence": 5, "solved": 0}

#: Columns of stimuli up to which responses deviate from the canonical one, and up to which weights
#: are averaged by evidence, whose work grows with the third power of features. Films and embeddings
#: have more; their weights have a ridge penalty for each target.
MOST_DEVIATING, MOST_AVERAGED = 64, 512

_LINEAR, _SHARE = "linear_model.", "dynamic_share"


def linear_model(model: ModelSpec, net: DRMNet) -> ModelSpec:
    """Return the linear model beside a model.

    One unit for each condition in the population of each region, which follows it at once; nothing
    is coupled; the response of all regions starts as SPM's, and targets deviate from it.

    Parameters
    ----------
    model : ModelSpec
    net : DRMNet
        What was built from it.

    Raises
    ------
    UsageError
        If the model has something else than one BOLD readout.
    """
    readout = net.readout
    if not isinstance(readout, BOLD) or model.readout is None:
        found = type(readout).__name__
        raise UsageError(
            f"stacking: linear needs a model with one readout of kind bold, not {found}; "
            "use stacking: none"
        )
    n_columns = sum(len(columns) for columns in net.stimuli.values())
    population = PopulationSpec(
        kind="leaky",
        units=n_columns,
        **{"nonlinearity": "linear", "start": "single", "tau_s": [TAU]},
    )
    projections = [
        ProjectionSpec(**{"from": name, "to": region})
        for region in readout.regions
        for name in model.stimuli
    ]
    deviations = "shape" if n_columns <= MOST_DEVIATING else "none"
    hrf = HRFSpec(kind="double_gamma", **{"shape": "spm", "derivatives": deviations})
    part = model.readout.model_copy(
        update={"hrf": hrf, "regions": {name: (name,) for name in readout.regions}, "priors": None}
    )
    return model.model_copy(
        update={
            "name": f"{model.name}, linear",
            "populations": dict.fromkeys(readout.regions, population),
            "projections": tuple(projections),
            "readout": part,
            "training": TrainingSpec(maps="evidence" if n_columns <= MOST_AVERAGED else "solved"),
        }
    )


class Stack:
    """The linear model beside a net, and how much of predictions is the net's own.

    Parameters
    ----------
    model : ModelSpec or GivenNet
    net : DRMNet
        What was built from it.
    data : sequence of Run
        What it was built for.
    n_epochs : int or "auto", optional
        Epochs that the net is trained for.

    Attributes
    ----------
    net : DRMNet
        The linear model.
    share : array of shape (n_targets,)
        Of the dynamic model in predictions, from 0 to 1.

    Raises
    ------
    UsageError
        If the net was made by hand, does not predict BOLD, or is trained as long as data say.
    """

    def __init__(
        self,
        model: ModelSpec | GivenNet,
        net: DRMNet,
        data: Sequence[Run],
        n_epochs: int | str | None = None,
    ):
        if isinstance(model, GivenNet):
            raise UsageError("stacking='linear' needs a model file; a net made by hand has none")
        if n_epochs == "auto":
            raise UsageError(
                "n_epochs='auto' and stacking='linear' both say by left-out data how far to go; "
                "give one of them"
            )
        linear = linear_model(model, net)
        with RANDOM, torch.random.fork_rng(devices=[]):  # nothing in it depends on a seed
            self.net = linear.build(data)
        self._maps: Maps = linear.training.maps or "evidence"
        self.net.populations.requires_grad_(False)  # the response alone is trained
        self.share = np.zeros(sum(net.readout.n_targets))
        self._runs: Sequence[Run] = ()
        self._folds: list[Fold] = []

    def fits(
        self, whole: Fit, options: Mapping[str, Any], runs: Sequence[Run], iterate: Iterate
    ) -> list[Fit]:
        """Return trainings of the model without parts of the runs; they start as it does.

        Parameters
        ----------
        whole : Fit
            Of the model to all runs, not trained yet.
        options : mapping of str to object
            Those of the model.
        runs : sequence of Run
        iterate : callable

        Warns
        -----
        TrainingWarning
            If a single run is too short to leave parts of it out.
        """
        net, self._runs, self._folds = whole.model.net, runs, inner_folds(runs)
        if not self._folds:
            warnings.warn(
                f"{runs[0].label}: too few volumes to say what dynamics are worth; predictions are "
                "those of the linear model; use stacking='none' for those of the dynamic one",
                TrainingWarning,
                stacklevel=2,
            )
        return [
            Fit(
                DRM(deepcopy(net), **options),
                iterate(fold.training_runs(runs), net),
                n_epochs=whole.n_epochs,
                cutoff=whole.cutoff,
                label=f"{whole.label}, {fold.label}" if whole.label else fold.label,
            )
            for fold in self._folds
        ]

    def choose(self, fits: Sequence[Fit], ended: Sequence[Trained], iterate: Iterate) -> None:
        """Fit the linear model, and choose shares by what was left out.

        Parameters
        ----------
        fits : sequence of Fit
            What :meth:`fits` gave, trained.
        ended : sequence of Trained
            How they ended; one that diverged says nothing.
        iterate : callable
        """
        whole = self._runs
        kept = [
            (fold, fit.model.net)
            for fold, fit, trained in zip(self._folds, fits, ended, strict=True)
            if trained.failure is None
        ]
        nets = [deepcopy(self.net) for _ in kept]
        seen = [iterate(fold.training_runs(whole), self.net) for fold, _ in kept]
        solve_linear(self._maps, nets, seen)
        parts = [
            _held(fold, whole, net, own, iterate)
            for (fold, own), net in zip(kept, nets, strict=True)
        ]
        if any(parts):
            self.share = shares_of_second([part for part in parts if part])
        solve_linear(self._maps, [self.net], [iterate(whole, self.net)])
        self._runs, self._folds = (), []  # a fitted model does not hold on to its data

    def predict(self, run: Run, dynamic: np.ndarray, iterate: Iterate) -> np.ndarray:
        """Return the weighted mean of what both models predict of a run.

        Parameters
        ----------
        run : Run
        dynamic : array of shape (n_measured, n_targets)
            What the dynamic model predicts.
        iterate : callable
        """
        linear = predicted(self.net, run, iterate)
        return linear + self.share * (dynamic - linear)

    def state(self) -> dict[str, torch.Tensor]:
        """Return what was fitted, under names that no net has."""
        found = {f"{_LINEAR}{name}": value for name, value in self.net.state_dict().items()}
        return {**found, _SHARE: torch.from_numpy(self.share)}

    @staticmethod
    def is_in(state: Mapping[str, torch.Tensor]) -> bool:
        """Return whether the state of a fit holds a stack."""
        return _SHARE in state

    def to(self, device: torch.device | str) -> Self:
        """Move the linear model to a device."""
        self.net.to(device)
        return self

    def take(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take up what :meth:`state` gave, and return the rest of a state, that of the net.

        Parameters
        ----------
        state : mapping of str to Tensor

        Raises
        ------
        RuntimeError
            If something is missing, or does not fit.
        """
        own = {n.removeprefix(_LINEAR): v for n, v in state.items() if n.startswith(_LINEAR)}
        self.net.load_state_dict(own)
        if _SHARE not in state or tuple(state[_SHARE].shape) != self.share.shape:
            raise RuntimeError(f"no {_SHARE} of {len(self.share)} targets")
        self.share = state[_SHARE].cpu().numpy()
        return {n: v for n, v in state.items() if n != _SHARE and not n.startswith(_LINEAR)}


def solve_linear(maps: Maps, nets: Sequence[DRMNet], data: Sequence[DRMIterator]) -> None:
    """Solve the readout weights of linear models, and train their responses.

    Parameters
    ----------
    maps : {"evidence", "solved"}
        As for :class:`~drmbids.DRM`.
    nets : sequence of DRMNet
    data : sequence of DRMIterator
    """

    def fits(chosen: Sequence[int], n_epochs: int) -> list[Fit]:
        return [
            Fit(
                DRM(nets[k], maps=maps, device=str(data[k].device)),
                data[k],
                n_epochs=n_epochs,
            )
            for k in chosen
        ]

    starts = [deepcopy(net.state_dict()) for net in nets]
    ended = train_all(fits(range(len(nets)), N_EPOCHS[maps]))
    failed = [k for k, trained in enumerate(ended) if trained.failure is not None]
    for k in failed:  # the canonical response is there for any data
        nets[k].load_state_dict(starts[k])
    train_all(fits(failed, 0))


def predicted(net: DRMNet, run: Run, iterate: Iterate) -> np.ndarray:
    """Return what a net predicts of a run, (n_measured, n_targets), float64."""
    data = iterate([run], net)
    (response,), _ = DRM(net, device=str(data.device)).forward(data)
    return np.asarray(response, dtype=float)


def _held(
    fold: Fold, runs: Sequence[Run], linear: DRMNet, dynamic: DRMNet, iterate: Iterate
) -> list[Held]:
    """Return what both models predict of the runs that a fold left out."""
    readout, found = linear.readout, []
    assert isinstance(readout, BOLD)
    regions = dict(zip(readout.regions, readout.n_targets, strict=True))
    for tested in fold.tested_runs(runs):
        series = []
        for net in (linear, dynamic):
            whole = predicted(net, tested.run, iterate)
            try:
                args = tested.run, whole, regions, readout.nuisance, tested.trained
                series.append(without_nuisance(*args))
            except DataError:  # drift and confounds leave nothing of what is trained on
                return []
        weights = tested.run.measured_weights(list(regions))
        found.append(Held(series[0].measured, series[0].predicted, series[1].predicted, weights))
    return found
