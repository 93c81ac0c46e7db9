"""Task: trials drawn at random, as runs that models are trained on."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import pandas as pd

from drmbids.data.runs.choices import choice_stream
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import UsageError

#: The name of the answers among the responses of a run, which :class:`drmbids.DRMClassifier` reads.
RESPONSE = "choice"


class Session(NamedTuple):
    """What :meth:`Task.draw` gives."""

    #: One for each run, with the right answers as choices.
    runs: list[Run]
    #: One row for each trial; the columns that all tasks have: ``run, onset, duration, answer,
    #: answer_time``.
    trials: pd.DataFrame


class Task(ABC):
    """An experiment whose trials are drawn at random and have a right answer.

    Trials begin every :attr:`trial_length` seconds. A task says which answers there are, how long
    a trial lasts, what is shown in it and when it is answered; runs, choices and tables are made
    here. The right answer is the choice that a run holds, so that a net trained on it learns to do
    the task, and behaviour of a subject can take its place (:func:`drmbids.choice_stream`).

    Attributes
    ----------
    inputs : tuple of str
        Columns of the stimulus ``"task"``.
    answers : tuple of str
        Classes of the answers.
    trial_length : float
        Seconds from the start of a trial to that of the next.
    step : float
        Seconds between samples of the stimulus.
    """

    inputs: tuple[str, ...]
    answers: tuple[str, ...]
    trial_length: float
    step: float

    @abstractmethod
    def draw_trials(self, n_trials: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return a row for each trial.

        Columns ``answer``, ``answer_time`` (s from the start of the trial), ``duration`` (s), and
        whatever else :meth:`show` needs or an analysis may ask for.
        """

    @abstractmethod
    def show(
        self, trial: "pd.Series[object]", times: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the inputs of a trial, shape (n_samples, n_inputs), at seconds from its start."""

    def draw(self, n_runs: int, n_trials: int, random_state: int = 0) -> Session:
        """Draw runs of the task.

        Parameters
        ----------
        n_runs, n_trials : int
            Runs, and trials in each.
        random_state : int
            The same gives the same trials and noise. Runs have generators of their own: the first
            two of three are those of two.

        Returns
        -------
        Session
            ``runs`` and ``trials``.

        Raises
        ------
        UsageError
            If a number is below 1.
        """
        if n_runs < 1 or n_trials < 1:
            raise UsageError(f"need a run and a trial, got n_runs={n_runs}, n_trials={n_trials}")
        streams = np.random.SeedSequence(random_state).spawn(n_runs)
        pairs = [self._run(k, n_trials, np.random.default_rng(s)) for k, s in enumerate(streams)]
        return Session([run for run, _ in pairs], pd.concat([t for _, t in pairs], axis=0))

    def _run(
        self, number: int, n_trials: int, rng: np.random.Generator
    ) -> tuple[Run, pd.DataFrame]:
        trials = self.draw_trials(n_trials, rng).reset_index(drop=True)
        n_samples = round(self.trial_length / self.step)
        # samples stand for the middles of their steps, as the ticks of a net do
        times = (np.arange(n_samples) + 0.5) * self.step
        shown = [self.show(trial, times, rng) for _, trial in trials.iterrows()]
        starts = self.trial_length * np.arange(n_trials)
        answered = starts + trials["answer_time"].to_numpy(float)
        stimulus = Stream(
            np.concatenate(shown), (starts[:, None] + times).ravel(), columns=self.inputs
        )
        run = Run(
            {RESPONSE: choice_stream(answered, list(trials["answer"]), self.answers)},
            {"task": stimulus},
            duration=self.trial_length * n_trials,
            entities={"run": str(number + 1)},
        )
        table = trials.assign(run=str(number + 1), onset=starts, answer_time=answered)
        first = ["run", "onset", "duration", "answer", "answer_time"]
        return run, table[[*first, *(c for c in table if c not in first)]]
