"""DRMClassifier: a dynamic representational model of what a subject chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.targets import match_targets
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.base import as_runs, refuse_y, weighed
from drmbids.fit.estimators.given_net import NetSource
from drmbids.fit.estimators.log_odds import LogOdds
from drmbids.fit.estimators.model_keys import ModelKeys
from drmbids.fit.estimators.storage import read_manifest, save_fitted
from drmbids.fit.estimators.tags import OnRuns
from drmbids.fit.training.drm import Callback


class DRMClassifier(ModelKeys, OnRuns, ClassifierMixin, BaseEstimator):
    """A dynamic representational model of choices, trained and scored run by run.

    Choices are a response of the runs: a :class:`~drmbids.Stream` with a column for each class, 1
    for the one that was chosen, NaN where none was made, at the times of the choices
    (:func:`~drmbids.choice_stream` makes one of labels). Activity before a choice gives its
    probabilities. Other responses of the runs are not looked at.

    Parameters
    ----------
    model : str, Path, mapping, ModelSpec, DRMNet or callable, optional
        A model file or its content, with a readout of kind ``choice``; a net made by hand whose
        readout is :class:`~drmbids.Choice`, or a function of the training runs that returns one.
        Default: one population that is driven by all stimuli.
    response : str
        The response that holds the choices.
    n_epochs : int, optional
        Passes over the training runs; that of the model file, else 150.
    learning_rate : float, optional
        Of Adam; that of the model file, else 0.05.
    window : float, optional
        Seconds that gradients flow back through time; whole runs when absent.
    n_validation_runs : int
        Runs taken from the end of the training runs to decide which epoch is kept: what guards
        against overfitting, as the maps have no penalty here. With 0 the lowest training loss
        decides.
    device : str
        ``"cpu"``, ``"cuda"`` ... An absent device is an error.
    random_state : int or None
        Seed of the initial weights; that of the model file, else 0.
    callbacks : sequence of callable
        Called after every epoch with its row of the history, of each start in turn.
    n_starts : int, optional
        Seeds to start from, of which the best fit is kept; see :class:`DRMRegressor`.

    Attributes
    ----------
    classes_ : array of str of shape (n_classes,)
        Columns of the response.
    net_ : DRMNet
        The trained brain.
    model_ : ModelSpec or GivenNet
        The model file it was built from, or the net that was given.
    history_ : list of dict
        One row for each epoch; losses are in nats for a choice.

    Examples
    --------
    >>> from drmbids import DRMClassifier, Events, Run, choice_stream
    >>> onsets, shown = np.arange(8.0), ["left", "right"] * 4
    >>> run = Run(
    ...     {"choice": choice_stream(onsets + 0.6, shown)},
    ...     {"events": Events(onsets, np.full(8, 0.4), shown)},
    ...     duration=9.0,
    ... )
    >>> DRMClassifier(n_epochs=60).fit([run]).predict([run])[0][:3]
    array(['left', 'right', 'left'], dtype='<U5')
    """

    def __init__(
        self,
        model: str | Path | Mapping[str, Any] | ModelSpec | NetSource | None = None,
        response: str = "choice",
        n_epochs: int | None = None,
        learning_rate: float | None = None,
        window: float | None = None,
        n_validation_runs: int = 0,
        device: str = "cpu",
        random_state: int | None = None,
        callbacks: Sequence[Callback] = (),
        n_starts: int | None = None,
    ):
        self.model = model
        self.response = response
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.window = window
        self.n_validation_runs = n_validation_runs
        self.device = device
        self.random_state = random_state
        self.callbacks = callbacks
        self.n_starts = n_starts

    def fit(self, X: Sequence[Run], y: None = None, sample_weight: Any = None) -> Self:
        """Fit on training runs.

        Parameters
        ----------
        X : sequence of Run
            Training runs with their choices.
        y : None
            Runs carry their choices.
        sample_weight : mapping of str to array of shape (n_trials,), optional
            How much each choice counts, by the label of the run; better carried by the runs
            (:func:`~drmbids.with_weights`).

        Returns
        -------
        self

        Raises
        ------
        DataError
            If a run lacks the response, its values are no choices, or runs differ in classes.
        UsageError
            If ``X`` holds no runs, ``y`` is given, or the model has another readout.
        """
        refuse_y(y)
        runs = weighed([self._with_choices(run) for run in self._runs(X)], sample_weight)
        classes = runs[0].responses[self.response].columns
        for run in runs[1:]:
            if set(run.responses[self.response].columns) != set(classes):
                found = list(run.responses[self.response].columns)
                raise DataError(
                    f"{run.label}: classes {found} differ from {list(classes)} of {runs[0].label}; "
                    "give all runs the same ones"
                )
        settings = self.get_params(deep=False)
        del settings["response"]
        return self._take(LogOdds(**settings).fit(match_targets(runs)), classes)

    def _take(self, drm: "LogOdds", classes: Sequence[str]) -> Self:
        """Take over what was fitted."""
        self._drm, self.classes_ = drm, np.array(classes)
        self.net_, self.model_, self.history_ = drm.net_, drm.model_, drm.history_
        return self

    def predict_proba(self, X: Sequence[Run]) -> np.ndarray:
        """Return the probabilities of the classes at each choice.

        Parameters
        ----------
        X : sequence of Run
            With the times of the choices; their values are not looked at.

        Returns
        -------
        array of object of shape (n_runs,)
            Each element is an array (n_trials, n_classes) whose rows have a sum of 1.

        Raises
        ------
        DataError
            If a run lacks the response.
        """
        check_is_fitted(self)
        runs = self._runs(X)
        out = np.empty(len(runs), dtype=object)
        for k, run in enumerate(runs):
            stream = self._stream(run)
            blank = np.full((len(stream.times), len(self.classes_)), np.nan)
            blank = Stream(blank, stream.times, self.classes_.tolist())
            out[k] = self._drm.predict([replace(run, responses={self.response: blank})])[0]
        return out

    def predict(self, X: Sequence[Run]) -> np.ndarray:
        """Return the most probable class of each choice.

        Parameters
        ----------
        X : sequence of Run
            With the times of the choices; their values are not looked at.

        Returns
        -------
        array of object of shape (n_runs,)
            Each element is an array of str (n_trials,).
        """
        found = self.predict_proba(X)
        for k, shares in enumerate(found):
            found[k] = self.classes_[shares.argmax(1)]
        return found

    def score(self, X: Sequence[Run], y: None = None, sample_weight: Any = None) -> float:
        """Return the accuracy: the (weighted) share of all choices that are predicted.

        Parameters
        ----------
        X : sequence of Run
            With their choices; trials without one are left out.
        y : None
            Runs carry their choices.
        sample_weight : mapping of str to array of shape (n_trials,), optional
            As for :meth:`fit`.

        Raises
        ------
        DataError
            If no run has a choice.
        """
        refuse_y(y)
        hits: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        runs = weighed([self._with_choices(run) for run in self._runs(X)], sample_weight)
        for run, predicted in zip(runs, self.predict(runs), strict=True):
            stream = run.responses[self.response]
            made = ~np.isnan(stream.values).any(1)
            chosen = np.array(stream.columns)[stream.values[made].argmax(1)]
            hits.append(chosen == predicted[made])
            weights = np.ones((len(made), 1)) if stream.weights is None else stream.weights
            counts.append(weights[made].mean(1))
        if not sum(map(len, hits)):
            raise DataError(f"{runs[0].label}: nothing to score, no run has a choice")
        return float(np.average(np.concatenate(hits), weights=np.concatenate(counts)))

    def parameters_table(self) -> pd.DataFrame:
        """Return physical parameters, in the columns of :meth:`DRMNet.parameter_rows`."""
        check_is_fitted(self)
        return self._drm.parameters_table()

    def activity(self, run: Run) -> dict[str, np.ndarray]:
        """Return the activity of every population in one run, which needs no choices.

        Parameters
        ----------
        run : Run
        """
        check_is_fitted(self)
        return self._drm.activity(replace(run, responses={}, tr=run.tr or run.duration))

    def save(self, folder: str | Path) -> None:
        """Write the trained model as :meth:`drmbids.DRMRegressor.save` does, with its classes.

        Parameters
        ----------
        folder : str or Path

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        check_is_fitted(self)
        save_fitted(Path(folder), self.model_, self.net_, self.classes_.tolist())

    @classmethod
    def load(
        cls, path: str | Path, device: str = "cpu", model: NetSource | None = None
    ) -> "DRMClassifier":
        """Return a trained model that :meth:`save` wrote, ready to predict.

        Parameters
        ----------
        path : str or Path
            The folder, or the manifest in it.
        device : str
            Where to compute.
        model : DRMNet or callable, optional
            What the classifier had in place of a model file, as for
            :meth:`drmbids.DRMRegressor.load`.

        Raises
        ------
        DataError
            If a file is missing, was changed since, or holds no model of choices.
        """
        drm = LogOdds.load(path, device, model)
        classes = read_manifest(Path(path)).get("classes")
        if not classes:
            raise DataError(f"{path}: no model of choices; load it with DRMRegressor")
        (response,) = drm.regions_
        stated = drm.model_ if model is None else model
        return cls(stated, response=response, device=device)._take(drm, classes)

    def _runs(self, X: Any) -> list[Run]:
        runs = as_runs(X)
        if not runs:
            raise UsageError("give a list of runs with their choices")
        return runs

    def _stream(self, run: Run) -> Stream:
        """Return the response with the choices."""
        if self.response not in run.responses:
            raise DataError(
                f"{run.label}: no response {self.response!r} with choices; it has "
                f"{list(run.responses)}"
            )
        stream = run.responses[self.response]
        outside = stream.times[(stream.times < 0) | (stream.times > run.duration)]
        if len(outside):
            raise DataError(
                f"{run.label}: a choice at {outside[0]:g} s, but the run lasts from 0 to "
                f"{run.duration:g} s"
            )
        return stream

    def _with_choices(self, run: Run) -> Run:
        """Return the run with its choices as the only response."""
        stream = self._stream(run)
        rows = np.isfinite(stream.values).all(1)
        shares = stream.values[rows]
        wrong = (shares < 0).any(1) | ~np.isclose(shares.sum(1), 1.0)
        if wrong.any():
            at = stream.times[rows][wrong][0]
            raise DataError(
                f"{run.label}: response {self.response!r} at {at:g} s is no choice: a row needs a "
                "1 for the class that was chosen and 0 for the others"
            )
        return replace(run, responses={self.response: stream})
