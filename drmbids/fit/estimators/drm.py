"""DRMRegressor: a dynamic representational model as a scikit-learn estimator."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from sklearn.utils.validation import check_is_fitted

from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.load import as_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts
from drmbids.data.iterators.device import check_device
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.freedom import runs_with_freedom
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.arguments import Seed, positive_number, setting
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators import starts
from drmbids.fit.estimators.agreement import table_of_starts
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.contents import find_regions, split_off, warn_of_untrained
from drmbids.fit.estimators.feeding import iterator_for
from drmbids.fit.estimators.given_net import GivenNet, NetSource, is_given, open_conditions
from drmbids.fit.estimators.judges import judges, judging
from drmbids.fit.estimators.model_keys import ModelKeys
from drmbids.fit.estimators.net_tables import NetTables, expected_responses
from drmbids.fit.estimators.stacking import Stack, Stacking
from drmbids.fit.estimators.storage import load_fitted, save_fitted, saved_targets
from drmbids.fit.maps.map_training import Maps
from drmbids.fit.training.drm import DRM, Callback
from drmbids.fit.training.finish import Finish
from drmbids.fit.training.size import check_training
from drmbids.fit.training.together import Fit, Trained, train_all
from drmbids.fit.training.trainee import Schedule

#: Settings where neither the estimator nor the model file says otherwise; what each is worth on
#: held-out runs is in ``benchmarks/choices.py``.
DEFAULTS = {
    "n_epochs": 60,
    "learning_rate": 0.1,
    "random_state": 0,
    "schedule": "cosine",
    "maps": "solved",
    "n_starts": 1,
    "finish": "auto",
    "n_finish_passes": 100,
    "stacking": "none",
}
# Those that are options of DRM too.
_OF_TRAINING = ("learning_rate", "schedule", "maps", "finish", "n_finish_passes")


class DRMRegressor(NetTables, ModelKeys, RunEstimator):
    """A dynamic representational model, trained and scored run by run.

    In processes that ``torchrun`` started, training is shared among them: all call the same, each
    computes some of the runs, and all have the same model in the end. Save from one of them, where
    ``os.environ["RANK"]`` is ``"0"``.

    Parameters
    ----------
    model : str, Path, mapping, ModelSpec, DRMNet or callable, optional
        A model file or its content; a net that was made by hand, of which each fit trains a copy;
        or a function that takes the training runs and returns one, with starting weights drawn
        from torch's random numbers. Default: one population for each region, driven by all stimuli
        and connected to all others.
    n_epochs : int or "auto", optional
        Passes over the training runs; that of the model file, else 60. ``"auto"``: as many as
        predict parts of the training data best (:mod:`drmbids.fit.training.epochs`).
    learning_rate : float, optional
        Of Adam, where it starts; that of the model file, else 0.1.
    window : float, optional
        Seconds that gradients flow back through time, and that are in memory at once of stimuli in
        files; whole runs when absent.
    alphas : float or sequence of float, optional
        Ridge penalties to choose from for each target; see :class:`~drmbids.DRM`.
    n_validation_runs : int
        Runs taken from the end of the training runs to decide which epoch is kept; with 0 the
        lowest training loss decides.
    device : str
        ``"cpu"``, ``"cuda"`` ... An absent device is an error.
    random_state : int, RandomState or Generator, optional
        Seed of the initial weights; that of the model file, else 0: None is not fresh randomness,
        unlike in scikit-learn. From numpy's random numbers each fit draws a seed.
    callbacks : sequence of callable
        Called after every epoch with its row of the history, of each start in turn.
    cuda_graph : bool
        Whether windows run as CUDA graphs, for small nets on a GPU; see :class:`~drmbids.DRM`.
    schedule : {"cosine", "constant"}, optional
        How the learning rate goes on; that of the model file, else ``"cosine"``.
    maps : {"solved", "evidence", "trained"}, optional
        How maps to targets are found; see :class:`~drmbids.DRM`. That of the model file, else
        ``"solved"``.
    n_starts : int, optional
        Starts, trained side by side; the fit with the lowest objective is kept: the loss of the
        validation runs where there are any, else that of the training runs with the priors. That of
        the model file, else 1. The first has the seed ``random_state`` and the model's values; of
        the others the seed, and each trained physical parameter, are drawn.
    finish : {"auto", "lbfgs", "none"}, optional
        ``"lbfgs"`` goes on from the best epoch to a minimum nearby, for models of few parameters
        beside their maps and whole runs; that of the model file, else ``"auto"``: so do models of
        100 such parameters or fewer, with trained delays or populations not seen on their own.
    n_finish_passes : int, optional
        Passes over the data that this may take; that of the model file, else 100.
    stacking : {"linear", "none"}, optional
        ``"linear"``: predictions are weighted means with those of a linear model, whose weights
        predict left-out parts of the training data best (:mod:`drmbids.fit.estimators.stacking`).
        That of the model file, else ``"none"``; the default model has ``"linear"``.

    Attributes
    ----------
    net_ : DRMNet
        The trained brain.
    model_ : ModelSpec or GivenNet
        The model file it was built from, or the net that was given.
    history_ : list of dict
        One row for each epoch: ``epoch, train_loss, val_loss, objective, learning_rate, seconds``;
        of several starts that of the best, with its number in ``start``, ``objective_start_<k>`` of
        each, ``n_alike`` in the same minimum and ``n_exchanged`` of these in each other's place.
    starts_ : DataFrame
        How each start ended: :func:`drmbids.fit.estimators.agreement.table_of_starts`.
    stack_ : Stack or None
        The linear model that predictions are averaged with, and the ``share`` of the net's own.
    regions_ : dict of str to int
        Targets of each region.
    readouts_ : dict of str to dict of str to int
        The same for each readout by name; an only readout has an empty one.

    Notes
    -----
    Predictions are what is expected of the responses in their own unit: BOLD, counts, probabilities
    of choices. A model of several ``readouts`` predicts ``{readout: array of object}``, and a run
    may lack what one of them measures. ``score`` is the mean over readouts of the mean R2, of
    counts Efron's (1978, J. Am. Stat. Assoc. 73:113-121), of choices a Brier skill score.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> rng = np.random.default_rng(0)
    >>> events = Events([4.0, 30.0], [10.0, 10.0], ["face", "house"])
    >>> series = [Stream(rng.normal(size=(40, 5)), 2.0 * np.arange(40)) for _ in range(3)]
    >>> runs = [Run({"V1": values}, {"events": events}, tr=2.0) for values in series]
    >>> estimator = DRMRegressor(n_epochs=2).fit(runs[:2])
    >>> estimator.predict(runs[2:])[0].shape
    (40, 5)
    """

    # what a model of another measurement has in their place
    _default_model = staticmethod(default_model)
    _defaults: ClassVar[Mapping[str, Any]] = DEFAULTS

    def __init__(
        self,
        model: str | Path | Mapping[str, Any] | ModelSpec | NetSource | None = None,
        n_epochs: int | Literal["auto"] | None = None,
        learning_rate: float | None = None,
        window: float | None = None,
        alphas: float | Sequence[float] | None = None,
        n_validation_runs: int = 0,
        device: str = "cpu",
        random_state: Seed | None = None,
        callbacks: Sequence[Callback] = (),
        cuda_graph: bool = False,
        schedule: Schedule | None = None,
        maps: Maps | None = None,
        n_starts: int | None = None,
        finish: Finish | None = None,
        n_finish_passes: int | None = None,
        stacking: Stacking | None = None,
    ):
        self.model = model
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.window = window
        self.alphas = alphas
        self.n_validation_runs = n_validation_runs
        self.device = device
        self.random_state = random_state
        self.callbacks = callbacks
        self.cuda_graph = cuda_graph
        self.schedule = schedule
        self.maps = maps
        self.n_starts = n_starts
        self.finish = finish
        self.n_finish_passes = n_finish_passes
        self.stacking = stacking

    def _fit_runs(self, runs: Sequence[Run]) -> None:
        fits = self._build(runs)
        self.keep_best(fits, train_all(fits))

    def prepare(self, runs: Sequence[Run], label: str = "") -> list[Fit]:
        """Do all of a fit on runs but the training; see :func:`drmbids.fit_together`.

        Parameters
        ----------
        runs : sequence of Run
            Training runs.
        label : str
            Who this is, for messages.

        Returns
        -------
        list of Fit
            One for each start, then those that stacking takes.
        """
        return self._build(self._begin(runs), label)

    def keep_best(self, fits: Sequence[Fit], ended: Sequence[Trained]) -> None:
        """Keep the start with the lowest objective, of those that did not diverge.

        Parameters
        ----------
        fits : sequence of Fit
            What :meth:`prepare` gave, trained.
        ended : sequence of Trained
            What :func:`~drmbids.fit.training.together.train_all` gave.

        Raises
        ------
        TrainingError
            If all diverged.
        """
        n_starts = self._setting("n_starts")
        stacked, ended = (fits[n_starts:], ended[n_starts:]), ended[:n_starts]
        best, nets = starts.best_start(ended), [fit.model.net for fit in fits[:n_starts]]
        self.net_ = nets[best]
        self.starts_ = table_of_starts(nets, ended, best)
        if n_starts > 1:
            histories = [fit.model.history for fit in fits[:n_starts]]
            endings = list(self.starts_["ending"])
            self.history_ = starts.history_of_starts(histories, best, endings)
        if self.stack_ is not None:
            self.stack_.choose(*stacked, self._iterate)

    def _build(self, runs: Sequence[Run], label: str = "") -> list[Fit]:
        check_device(self.device)
        self.model_ = self._stated_model(runs)
        seeds = starts.seeds_of_starts(self._setting("random_state"), self._setting("n_starts"))
        names = starts.labels_of_starts(label, len(seeds))
        nets = starts.nets_of_starts(self.model_, runs, seeds)
        cutoff = self._cutoff(nets[0].resolution)
        check_training(nets[0], runs, cutoff, self.device)
        told = starts.callbacks_of_starts(self.callbacks, len(seeds))
        own = {name: getattr(self, name) for name in ("alphas", "device", "cuda_graph")}
        options: dict[str, Any] = {name: self._setting(name) for name in _OF_TRAINING} | own
        drms = [DRM(net, callbacks=c, **options) for net, c in zip(nets, told, strict=True)]
        self.net_, self.history_ = drms[0].net, drms[0].history
        built_for, runs = runs, runs_with_freedom(runs, *self._nuisances.values())
        readout = self.net_.readout  # a model may leave regions of the data out
        self.regions_ = dict(zip(readout.regions, readout.n_targets, strict=True))
        if isinstance(readout, Readouts) and hasattr(self, "n_features_in_"):
            raise UsageError("a model of several readouts needs runs, not rows of an array")
        train, validation = split_off(runs, self.n_validation_runs)
        data = self._iterate(train), self._iterate(validation) if validation else None
        judged = () if validation else runs
        n_epochs, parts = judging(self._setting("n_epochs"), judged, self._iterate)
        fits = [
            Fit(drm, *data, n_epochs, cutoff, name, judges(drm, options, parts, cutoff))
            for drm, name in zip(drms, names, strict=True)
        ]
        self.stack_ = None
        if self._setting("stacking") == "linear":
            self.stack_ = Stack(self.model_, self.net_, built_for, self._setting("n_epochs"))
            fits += self.stack_.fits(fits[0], options, runs, self._iterate)
        return fits

    def _nuisances_of_fit(self) -> Sequence[Nuisance]:
        return []  # known once the net is built

    def _stated_model(self, runs: Sequence[Run]) -> ModelSpec | GivenNet:
        if is_given(self.model):
            return GivenNet(self.model)
        return self._default_model(runs) if self.model is None else as_model(self.model)

    def _find_regions(self, runs: Sequence[Run]) -> dict[str, int]:
        # runs may lack what one of several readouts measures, as a net made by hand may have
        several = is_given(self.model) or bool(self.model and as_model(self.model).readouts)
        return dict(DataShape.of(runs).regions) if several else find_regions(runs)

    def _setting(self, name: str) -> Any:
        """Return a setting: the estimator's own, else the model file's, else the default."""
        given = (getattr(self, name), getattr(self.model_.training, name), self._defaults[name])
        return setting(name, next((value for value in given if value is not None), None))

    def _cutoff(self, resolution: float) -> int | None:
        """Return the ticks that gradients flow back, None for whole runs."""
        window = self.model_.training.window_s if self.window is None else self.window
        if window is None:
            return None
        return max(1, math.ceil(positive_number("window", window) / resolution))

    def _iterate(self, runs: Sequence[Run], net: DRMNet | None = None) -> DRMIterator:
        net = self.net_ if net is None else net
        return iterator_for(net, runs, self._cutoff(net.resolution), self.device)

    def _predict_run(self, run: Run) -> Any:
        warn_of_untrained(run, open_conditions(self.model_, self.net_))
        drm = DRM(self.net_, device=self.device)
        (response,), _ = drm.forward(self._iterate([run]))
        dynamic = expected_responses(drm, response)
        return self.stack_.predict(run, dynamic, self._iterate) if self.stack_ else dynamic

    def save(self, folder: str | Path) -> None:
        """Write the trained model as ``model.yaml``, ``weights.safetensors`` and ``manifest.json``.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        check_is_fitted(self)
        save_fitted(Path(folder), self.model_, self.net_, targets=self.targets_, stack=self.stack_)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu", model: NetSource | None = None) -> Self:
        """Return a trained model that :meth:`save` wrote, ready to predict.

        Parameters
        ----------
        path : str or Path
            The folder, or the ``*_manifest.json`` that the command line wrote.
        device : str
            Where to compute.
        model : DRMNet or callable, optional
            What the estimator had in place of a model file: the files hold its values alone.

        Raises
        ------
        DataError
            If a file is missing, was changed since, or does not fit the model.
        """
        spec, net, stack = load_fitted(Path(path), None if model is None else GivenNet(model))
        self = cls(model=spec if model is None else model, device=device)
        self.model_, self.net_, self.history_ = spec, net.to(check_device(device)), []
        self.stack_ = stack and stack.to(check_device(device))
        self.regions_ = dict(zip(net.readout.regions, net.readout.n_targets, strict=True))
        self.targets_ = saved_targets(Path(path))
        return self
