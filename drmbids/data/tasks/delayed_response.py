"""DelayedResponse: to remember where a cue was."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from drmbids.data.tasks.base import Task
from drmbids.data.tools.exceptions import UsageError


@dataclass(frozen=True)
class DelayedResponse(Task):
    """A cue at one of several places, a delay without it, a signal to go to where the cue was.

    The inputs are a column for each place, ``place0`` and so on, 1 while the cue is there, with
    noise throughout, and ``go``. Nothing but memory tells the answer when it is asked for.

    Parameters
    ----------
    n_places : int
        At least 2; each comes as often as the others.
    delays : tuple of float
        Shortest and longest delay in seconds, drawn evenly.
    cue : float
        Seconds that the cue is shown.
    go : float
        Seconds from the signal to the answer; the signal lasts until then.
    pause : float
        Seconds from the answer to the next trial after the longest delay; trials with a shorter one
        rest longer.
    noise : float
        Standard deviation of the noise of each place, averaged over a second.
    step : float
        Seconds between samples.

    Raises
    ------
    UsageError
        If there are fewer than two places, delays are not in order, or a time is not positive.

    References
    ----------
    Funahashi, Bruce and Goldman-Rakic 1989, Journal of Neurophysiology 61:331-349.

    Examples
    --------
    >>> runs, trials = DelayedResponse(n_places=4).draw(n_runs=2, n_trials=8)
    >>> trials["answer"].value_counts().tolist()
    [4, 4, 4, 4]
    """

    n_places: int = 8
    delays: tuple[float, float] = (0.5, 2.0)
    cue: float = 0.5
    go: float = 0.3
    pause: float = 0.7
    noise: float = 0.05
    step: float = 0.05

    def __post_init__(self) -> None:
        shortest, longest = self.delays
        if self.n_places < 2:
            raise UsageError(f"a task needs two places or more, got n_places={self.n_places}")
        if not 0 < shortest <= longest:
            raise UsageError(f"delays go from a shortest to a longest, got {self.delays}")
        if min(self.cue, self.go, self.pause, self.step) <= 0 or self.noise < 0:
            raise UsageError("cue, go, pause and step must be positive, noise not negative")

    @property
    def answers(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The places."""
        return tuple(f"place{k}" for k in range(self.n_places))

    @property
    def inputs(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The places, and the signal to go."""
        return (*self.answers, "go")

    @property
    def trial_length(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Seconds from the start of a trial to that of the next."""
        return self.cue + self.delays[1] + self.go + self.pause

    def draw_trials(self, n_trials: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return trials in random order, places as even as the number of trials allows."""
        rounds = [rng.permutation(self.n_places) for _ in range(-(-n_trials // self.n_places))]
        places = np.concatenate(rounds)[:n_trials]
        delay = rng.uniform(*self.delays, size=n_trials)
        asked = self.cue + delay
        return pd.DataFrame(
            {
                "answer": [self.answers[k] for k in places],
                "answer_time": asked + self.go,
                "duration": self.cue,
                "delay": delay,
            }
        )

    def show(
        self, trial: "pd.Series[object]", times: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the places and the signal to go, shape (n_samples, n_places + 1)."""
        noise = self.noise / np.sqrt(self.step) * rng.standard_normal((len(times), self.n_places))
        place = np.array([name == trial["answer"] for name in self.answers], dtype=float)
        cued = (times < self.cue)[:, None] * place + noise
        answer_time = float(trial["answer_time"])  # pyright: ignore[reportArgumentType]
        asked = (times >= answer_time - self.go) & (times < answer_time)
        return np.column_stack([cued, asked])
