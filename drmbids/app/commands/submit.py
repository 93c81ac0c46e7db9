"""Participants as jobs that are submitted from Python, to Slurm or to processes of this machine.

submitit (the extra ``hpc``) submits, waits and collects; a job that reaches its time limit, or has
to make room, is submitted again and goes on where it was stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.preflight import find_participants
from drmbids.app.commands.participant import run_participants
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.interruption import Interrupted


@dataclass(frozen=True)
class ParticipantJob:
    """The analysis of one participant, as submitit calls and submits it.

    Parameters
    ----------
    config : Config
    subject : str
        Label without ``sub-``.
    """

    config: Config
    subject: str

    def __call__(self) -> int:
        """Analyse the participant; return the exit code of the command line."""
        return run_participants(replace(self.config, participant_label=(self.subject,)))

    def checkpoint(self) -> Any:
        """Return the same job: what it has finished is on disk. submitit asks before a limit."""
        return _submitit().helpers.DelayedSubmission(self)


def run_jobs(
    config: Config,
    executor: Any = "auto",
    folder: str | Path | None = None,
    wait: bool = True,
    **parameters: Any,
) -> list[Any]:
    """Analyse participants, each in a job of its own.

    Parameters
    ----------
    config : Config
        Of the participant level. Jobs start in folders of their own: paths are made absolute.
    executor : {"auto", "slurm", "local"} or submitit executor
        ``"auto"`` is Slurm where there is one, else processes of this machine.
    folder : str or Path, optional
        For the files of submitit; ``logs/submitit`` in the output when absent.
    wait : bool
        Whether to wait for the jobs.
    **parameters
        What each job asks for, by submitit's names: ``timeout_min=120, mem_gb=8,
        slurm_partition="long"``. Processors and memory are those of the configuration where they
        are not given.

    Returns
    -------
    list
        The exit code of each participant, as the command line has it, in the order of their labels;
        their jobs where nobody waits.

    Raises
    ------
    UsageError
        If submitit is not installed, or does not know a parameter.
    DataError
        If there is no participant.

    Examples
    --------
    >>> from drmbids import run_jobs  # doctest: +SKIP
    >>> run_jobs(Config(Path("bids"), Path("out"), "participant", n_cpus=4))  # doctest: +SKIP
    [0, 0, 65]
    """
    config = config.with_absolute_paths()
    subjects = find_participants(config)
    if isinstance(executor, str):
        place = Path(folder) if folder is not None else config.out_dir / "logs" / "submitit"
        kind = None if executor == "auto" else executor
        executor = _submitit().AutoExecutor(folder=str(place), cluster=kind)
        asked: dict[str, Any] = {"cpus_per_task": config.n_cpus or config.n_threads}
        if config.mem_mb is not None:
            asked["mem_gb"] = config.mem_mb / 1000
        try:
            executor.update_parameters(**{**asked, **parameters})
        except (NameError, TypeError, ValueError) as error:
            raise UsageError(f"submitit: {error}") from error
    with executor.batch():  # one array
        jobs = [executor.submit(ParticipantJob(config, subject)) for subject in subjects]
    return _codes(jobs) if wait else jobs


def _codes(jobs: Sequence[Any]) -> list[int]:
    """Return the exit codes of jobs; one that has none was killed, and may be run again."""
    failed = _submitit().core.utils.UncompletedJobError, _submitit().core.utils.FailedJobError
    codes = []
    for job in jobs:
        try:
            codes.append(int(job.result()))
        except failed:
            codes.append(Interrupted.exit_code)
    return codes


def _submitit() -> Any:
    try:
        return import_module("submitit")
    except ModuleNotFoundError as error:
        raise UsageError("run_jobs needs submitit: pip install 'drmbids[hpc]'") from error
