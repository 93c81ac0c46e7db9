"""What an analysis held out: what follows for its tables, and how it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drmbids.app.analysis.config import Config
from drmbids.compare.statistics.paired import volume_ratio
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.results import Results

#: What the series of a model's prediction are, by what was held out.
_PREDICTED = {
    "run": "series predicted for a run that was held out",
    "session": "series predicted for a session that was held out",
    "blocks": "series predicted for blocks of time, each by the fit that it was held out of",
    "stimulus": "series predicted for trial types that were held out",
    "none": "in sample: series of the model fitted to this run",
}

#: What the column ``fold`` of a table of scores holds.
_FOLDS = {
    "run": "Run that was held out",
    "session": "Session that was held out",
    "blocks": "Block of time that was held out of every run",
    "stimulus": "Trial types that were held out",
    "none": "in-sample: nothing was held out",
}

_IN_SAMPLE = "; in sample: models were scored on the runs that they were fitted to"


@dataclass(frozen=True)
class CrossValidation:
    """What an analysis held out.

    Parameters
    ----------
    held_out : {"run", "session", "blocks", "stimulus", "none"}
    n_folds : int
    guard : float or None
        Seconds left out on each side of a block.
    """

    held_out: str
    n_folds: int
    guard: float | None = None

    @classmethod
    def of(cls, config: Config, folds: Sequence[Fold]) -> "CrossValidation":
        """Return what folds hold out.

        Parameters
        ----------
        config : Config
        folds : sequence of Fold
        """
        kind = folds[0].kind
        held_out = {"block": "blocks", "run": "run"}.get(kind, kind)
        if kind == "run" and config.cv == "session":
            held_out = "session"
        return cls(held_out, len(folds), config.guard if kind == "block" else None)

    @property
    def whole_runs(self) -> bool:
        """Whether other runs are left at the times of what is held out, to take a mean of."""
        return self.held_out in ("run", "session", "stimulus")

    @property
    def has_test(self) -> bool:
        """Whether predictions can be moved against what was measured, to test them."""
        return self.held_out in ("run", "session", "blocks")

    def predicted(self, meaning: str) -> str:
        """Return what a predicted series is.

        Parameters
        ----------
        meaning : str
            What its model is.
        """
        return f"{_PREDICTED[self.held_out]}: {meaning}"

    def columns(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return the descriptions of columns of score tables with what was held out.

        Parameters
        ----------
        described : mapping
            As :mod:`drmbids.app.analysis.columns` has them.
        """
        found = {**described, "fold": {"Description": _FOLDS[self.held_out]}}
        if self.held_out != "none":
            return found
        return {
            name: {**entry, "Description": entry["Description"] + _IN_SAMPLE}
            for name, entry in found.items()
        }

    def caveat(self) -> str:
        """Return what descriptions of scores end in: empty but for scores in sample."""
        return _IN_SAMPLE if self.held_out == "none" else ""

    def record(self, results: Results) -> dict[str, Any]:
        """Return what is saved, for the reports and the group level.

        Parameters
        ----------
        results : Results
        """
        ratio = None if self.held_out == "none" else volume_ratio(results)
        return {
            "held_out": self.held_out,
            "n_folds": self.n_folds,
            "guard_s": self.guard,
            "test_train_ratio": ratio,
        }
