"""Participant level: each participant on its own, so that a bad one does not stop the others."""

import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from drmbids.bids.derivatives import DerivativeDataset
from drmbids.core.exceptions import DataError, DRMError
from drmbids.core.files import write_text
from drmbids.iterators.device import check_device
from drmbids.report.participant import write_participant_report
from drmbids.spec.model import ModelSpec
from drmbids.workflows.analysis import analyse_participant
from drmbids.workflows.compared import describe_models, load_models
from drmbids.workflows.config import DRM, Config
from drmbids.workflows.earlier import keep_other_analyses
from drmbids.workflows.logs import logger, logging_to, new_call_folder
from drmbids.workflows.output import check_output, staged_participant
from drmbids.workflows.preflight import find_participants
from drmbids.workflows.workers import config_of_worker

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
    """

    subject: str
    seconds: float
    error: str | None = None
    code: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the error, or of a participant that is not complete."""
        return self.code or (SOME_FAILED if self.left_out else 0)

    @property
    def status(self) -> str:
        """``"failed"``, ``"incomplete"`` where runs were left out, or ``"done"``."""
        if self.error is not None:
            return "failed"
        return "incomplete" if self.left_out else "done"


def run_participants(config: Config) -> int:
    """Analyse participants, each on its own, and write the derivative dataset.

    Every participant is checked first. A run that cannot be used is logged and left out. A
    participant that fails is logged and listed, and the next one is taken; what an earlier call
    wrote for it stays. Processes that torchrun started do it together.

    Parameters
    ----------
    config : Config

    Returns
    -------
    int
        0; 1 if some participants failed and others did not, or runs were left out; the exit code
        of the error if all failed for the same reason.

    Raises
    ------
    UsageError, DataError, OutputError
        If nothing can be analysed at all.
    """
    with config_of_worker(config) as own:
        return _run_all(own)


def _run_all(config: Config) -> int:
    """Analyse all participants in this process."""
    check_output(config.bids_dir, config.out_dir)
    call = new_call_folder(config.out_dir)
    config.save(call / "config.toml")
    with logging_to(call / "drmbids.log", config.verbosity):
        models = load_models(config.model)
        check_device(config.device)
        torch.set_num_threads(config.n_threads)
        subjects = find_participants(config)
        derivative_dataset(config).write_description(describe_models(models or [DRM]))
        outcomes = []
        for subject in subjects:
            outcomes.append(_run_participant(config, models, subject, call))
            if outcomes[-1].error is not None and config.stop_on_first_crash:
                break
        _write_outcomes(outcomes, call / "participants.tsv")
        return _exit_code(outcomes)


def derivative_dataset(config: Config, root: Path | None = None) -> DerivativeDataset:
    """Return the derivative dataset of a configuration, or one like it in another folder."""
    return DerivativeDataset(root or config.out_dir, config.bids_dir, config.derivatives)


def _run_participant(
    config: Config, models: Mapping[str, ModelSpec], subject: str, call: Path
) -> Outcome:
    """Analyse one participant; an error is logged and returned, not raised."""
    label, started = f"sub-{subject}", time.monotonic()
    left_out: tuple[str, ...] = ()
    logger.info("%s: started", label)
    try:
        if config.reports_only:
            _report_again(config.out_dir, subject)
        else:
            with staged_participant(config.out_dir, subject) as stage:
                dataset = derivative_dataset(config, stage)
                analysed = analyse_participant(config, models, subject, dataset)
                left_out = analysed.left_out
                keep_other_analyses(config.out_dir / label, stage / label)
                _report(stage, subject, call)
            write_text(config.out_dir / "logs" / "CITATION.md", analysed.methods)
    except Exception as error:  # one bad participant must not stop the others
        text = " ".join(str(error).split())
        if not isinstance(error, DRMError):
            text = f"internal error: {type(error).__name__}: {text} (traceback in {call})"
        logger.error("%s: %s", label, text)
        logger.debug("%s: traceback", label, exc_info=error)
        if config.debug:
            traceback.print_exception(error)
        if not (config.out_dir / label).exists():
            _report_failure(config.out_dir, subject)
        code = error.exit_code if isinstance(error, DRMError) else DRMError.exit_code
        return Outcome(subject, time.monotonic() - started, text, code)
    seconds = time.monotonic() - started
    logger.info("%s: done in %.0f s, see %s", label, seconds, config.out_dir / f"{label}.html")
    return Outcome(subject, seconds, left_out=left_out)


def _report(stage: Path, subject: str, call: Path) -> None:
    """Write the report beside the staged files, which lack the logs that it shows."""
    shutil.copytree(call, stage / "logs" / call.name)
    write_participant_report(stage, subject)


def _report_failure(out_dir: Path, subject: str) -> None:
    """Write a report that shows the end of the log; a fault in it must not hide the first one."""
    try:
        write_participant_report(out_dir, subject)
    except Exception as error:
        logger.error("sub-%s: no report could be written: %s", subject, error)


def _report_again(out_dir: Path, subject: str) -> None:
    """Write the report of what an earlier call saved."""
    if not (out_dir / f"sub-{subject}" / "models").is_dir():
        raise DataError(f"{out_dir}: no results of sub-{subject}; run without --reports-only")
    write_participant_report(out_dir, subject)


def _write_outcomes(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write and log how the participants ended."""
    failed = [o for o in outcomes if o.error is not None]
    table = pd.DataFrame(
        {
            "participant_id": [f"sub-{o.subject}" for o in outcomes],
            "status": [o.status for o in outcomes],
            "seconds": [round(o.seconds, 1) for o in outcomes],
            "error": [o.error for o in outcomes],
            "left_out": [", ".join(o.left_out) or None for o in outcomes],
        }
    )
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))
    if failed and len(outcomes) > 1:
        names = ", ".join(f"sub-{o.subject}" for o in failed)
        logger.info("%d of %d participants failed: %s", len(failed), len(outcomes), names)


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    codes = {outcome.exit_code for outcome in outcomes}
    return codes.pop() if len(codes) == 1 else SOME_FAILED
