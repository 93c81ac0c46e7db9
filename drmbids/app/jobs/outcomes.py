"""How participants ended: one line each, and the exit code of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from drmbids.app.analysis.logs import logger
from drmbids.data.storage.files import write_text
from drmbids.data.tools.interruption import Interrupted

#: Some participants or runs failed, the others are complete.
SOME_FAILED = 1


@dataclass(frozen=True)
class Outcome:
    """How one participant ended.

    Parameters
    ----------
    subject : str
        Label without ``sub-``.
    seconds : float
        Time that it took.
    error : str or None
        What went wrong, in one line.
    code : int
        0, or the exit code of the error.
    left_out : tuple of str
        Runs that could not be used; the others were analysed.
    failed_fits : tuple of str
        Models, and their folds, that could not be fitted; the others were.
    """

    subject: str
    seconds: float
    error: str | None = None
    code: int = 0
    left_out: tuple[str, ...] = ()
    failed_fits: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the error, or of a participant that is not complete."""
        return self.code or (SOME_FAILED if self.left_out or self.failed_fits else 0)

    @property
    def interrupted(self) -> bool:
        """Whether the same call goes on where it was stopped."""
        return self.code == Interrupted.exit_code

    @property
    def status(self) -> str:
        """``"failed"``, ``"interrupted"``, ``"incomplete"`` (runs or fits lack) or ``"done"``."""
        if self.error is not None:
            return "interrupted" if self.interrupted else "failed"
        return "incomplete" if self.left_out or self.failed_fits else "done"


def write_outcomes(outcomes: Sequence[Outcome], subjects: Sequence[str], path: Path) -> None:
    """Write and log how the participants ended.

    Parameters
    ----------
    outcomes : sequence of Outcome
        In any order.
    subjects : sequence of str
        All that were asked for, in order; those without an outcome have not finished.
    path : Path
        Table to write.
    """
    found = {outcome.subject: outcome for outcome in outcomes}
    rows = []
    for subject in subjects:
        told = found.get(subject)
        row = {"participant_id": f"sub-{subject}", "status": "not finished"}
        if told is not None:
            row |= {
                "status": told.status,
                "seconds": round(told.seconds, 1),
                "error": told.error,
                "left_out": ", ".join(told.left_out) or None,
                "failed_fits": ", ".join(told.failed_fits) or None,
            }
        rows.append(row)
    columns = ["participant_id", "status", "seconds", "error", "left_out", "failed_fits"]
    table = pd.DataFrame(rows, columns=columns)
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))
    for outcome in outcomes:
        if outcome.failed_fits:
            fits = ", ".join(outcome.failed_fits)
            logger.warning("sub-%s: fits that failed: %s", outcome.subject, fits)
    failed = [o for o in outcomes if o.status == "failed"]
    if failed and len(subjects) > 1:
        names = ", ".join(sorted(f"sub-{o.subject}" for o in failed))
        logger.info("%d of %d participants failed: %s", len(failed), len(subjects), names)


def exit_code(outcomes: Sequence[Outcome], stopped: bool) -> int:
    """Return the exit code of all participants.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of those that were started.
    stopped : bool
        Whether a stop was asked for from outside, so that the call may go on later.

    Returns
    -------
    int
        75 if it may; otherwise that of all, if they share one, or 1.
    """
    if stopped:
        return Interrupted.exit_code
    codes = {outcome.exit_code for outcome in outcomes if not outcome.interrupted}
    return codes.pop() if len(codes) == 1 else SOME_FAILED
