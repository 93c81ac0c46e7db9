"""PerceptualDecision: to tell which way dots move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import norm

from drmbids.data.tasks.base import Task
from drmbids.data.tools.exceptions import UsageError

#: Shares of dots that move together in Roitman and Shadlen 2002.
COHERENCES = (0.0, 0.032, 0.064, 0.128, 0.256, 0.512)


@dataclass(frozen=True)
class PerceptualDecision(Task):
    """Noisy evidence for one of two directions; the answer is the direction that the dots have.

    Between the onset and the end of the dots, the inputs ``left`` and ``right`` are white noise
    around ``(1 - c) / 2`` and ``(1 + c) / 2`` for dots that move to the right with coherence
    ``c``. The longer evidence is added up, the more can be known of the direction; how much is
    what :meth:`ideal_accuracy` tells. A trial without coherence has an answer as well, that of a
    coin.

    Parameters
    ----------
    coherences : sequence of float
        Between 0 and 1; each comes as often as the others, to either side.
    length : float
        Seconds that dots are shown.
    wait : float
        Seconds from their end to the answer.
    pause : float
        Seconds from the answer to the next trial.
    noise : float
        Standard deviation of the evidence of each side, averaged over a second.
    step : float
        Seconds between samples.

    Raises
    ------
    UsageError
        If a coherence is not between 0 and 1, or a time is not positive.

    References
    ----------
    Roitman and Shadlen 2002, Journal of Neuroscience 22:9475-9489; Gold and Shadlen 2007, Annual
    Review of Neuroscience 30:535-574 (evidence added up to a decision).

    Examples
    --------
    >>> runs, trials = PerceptualDecision().draw(n_runs=1, n_trials=24)
    >>> sorted(trials["answer"].unique()), runs[0].stimuli["task"].columns
    (['left', 'right'], ('left', 'right'))
    """

    coherences: Sequence[float] = COHERENCES
    length: float = 1.0
    wait: float = 0.3
    pause: float = 0.7
    noise: float = 0.15
    step: float = 0.05

    inputs: ClassVar[tuple[str, ...]] = ("left", "right")
    answers: ClassVar[tuple[str, ...]] = ("left", "right")

    def __post_init__(self) -> None:
        if not self.coherences or not all(0 <= c <= 1 for c in self.coherences):
            raise UsageError(f"coherences are shares from 0 to 1, got {list(self.coherences)}")
        if min(self.length, self.wait, self.pause, self.step) <= 0 or self.noise < 0:
            raise UsageError("length, wait, pause and step must be positive, noise not negative")

    @property
    def trial_length(self) -> float:
        """Seconds from the start of a trial to that of the next."""
        return self.length + self.wait + self.pause

    def draw_trials(self, n_trials: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return trials in random order, coherences and sides as even as their number allows."""
        kinds = [(c, side) for c in self.coherences for side in self.answers]
        rounds = [rng.permutation(len(kinds)) for _ in range(-(-n_trials // len(kinds)))]
        order = np.concatenate(rounds)[:n_trials]
        coherence, answer = zip(*(kinds[k] for k in order), strict=True)
        signed = (
            np.array(coherence) * np.where(np.array(answer) == "right", 1.0, -1.0) + 0.0
        )  # no -0
        return pd.DataFrame(
            {
                "answer": answer,
                "answer_time": self.length + self.wait,
                "duration": self.length,
                "coherence": coherence,
                "signed_coherence": signed,
            }
        )

    def show(
        self, trial: "pd.Series[object]", times: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the evidence for both sides, shape (n_samples, 2)."""
        signed = float(trial["signed_coherence"])  # pyright: ignore[reportArgumentType]
        mean = 0.5 + 0.5 * signed * np.array([-1.0, 1.0])
        drawn = rng.standard_normal((len(times), 2))
        shown = mean + self.noise / np.sqrt(self.step) * drawn
        return np.where(times[:, None] < self.length, shown, 0.0)

    def ideal_accuracy(self, coherence: float) -> float:
        """Return the accuracy of an observer that adds up all the evidence.

        The mean difference of both sides over the dots has mean ``c`` and standard deviation
        ``noise sqrt(2 / length)``; its sign is right with probability ``Phi(c / deviation)``,
        ``Phi`` the normal distribution function (Green and Swets 1966, Signal Detection Theory and
        Psychophysics).

        Parameters
        ----------
        coherence : float
        """
        spread = np.sqrt(2.0) * self.noise / np.sqrt(self.length)
        if spread == 0:
            return 1.0 if coherence > 0 else 0.5
        return float(norm.cdf(coherence / spread))
