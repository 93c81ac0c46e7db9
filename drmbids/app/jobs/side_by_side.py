"""Participants side by side, shared among processes by joblib; none is lost when one is killed.

A job of a cluster with more processors than threads takes several participants at once, or, where
there are fewer participants than processes, several folds of each.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.logs import logger, logging_to
from drmbids.app.analysis.progress import no_bars
from drmbids.app.jobs.locks import left_by_the_dead
from drmbids.app.jobs.memory import participant_mb
from drmbids.app.jobs.outcomes import Outcome
from drmbids.app.jobs.output import lock_path
from drmbids.data.tools.exceptions import DRMError
from drmbids.data.tools.interruption import (
    at_good_places,
    stop_asked,
    stop_file,
    stop_on_signals,
    watching,
)
from drmbids.data.tools.processes import KILLED, TerminatedWorkerError, own_processes

#: Analyses one participant with the configuration that its process has.
Work = Callable[[Config, str], Outcome]


def run_side_by_side(
    work: Work, config: Config, subjects: Sequence[str], call: Path
) -> Iterator[Outcome]:
    """Yield how each participant ended, in the order in which they do.

    Parameters
    ----------
    work : callable
        ``work(config, subject) -> Outcome``, which raises nothing that is one participant's fault.
    config : Config
    subjects : sequence of str
        Labels without ``sub-``.
    call : Path
        Folder of the logs of this call.

    Yields
    ------
    Outcome
        None for participants that were not started because a stop was asked for.
    """
    n_processes = processes(config, subjects)
    n_at_once = max(1, min(n_processes, len(subjects)))
    inner = replace(config, n_cpus=n_processes // n_at_once * config.n_threads)
    if n_at_once == 1:
        for subject in subjects:
            if stop_asked():
                return
            yield work(inner, subject)
        return
    left, alone = list(subjects), []
    while left or alone:
        batch = left or alone[:1]
        try:
            for outcome in _shared(work, inner, batch, n_at_once, call):
                if outcome is not None:
                    left = [s for s in left if s != outcome.subject]
                    alone = [s for s in alone if s != outcome.subject]
                    yield outcome
            if stop_asked():
                return
        except TerminatedWorkerError:
            if not left:  # it was alone, so that it was this one
                alone.remove(batch[0])
                yield _killed(batch[0])
                continue
            # all that were at work are gone with it: each is tried again on its own, from where it
            # was; whose process is killed again is the one
            suspects = [s for s in left if left_by_the_dead(lock_path(config.out_dir, s))] or left
            names = ", ".join(f"sub-{s}" for s in suspects)
            logger.warning("a process was killed at work on %s; each goes on alone", names)
            alone += suspects
            left = [s for s in left if s not in suspects]


def processes(config: Config, subjects: Sequence[str]) -> int:
    """Return how many processes share the work, as processors and memory allow.

    Parameters
    ----------
    config : Config
        ``n_cpus`` processors, ``n_threads`` for each process; without them what
        :func:`joblib.parallel_config` says.
    subjects : sequence of str
    """
    if config.n_cpus is None:
        found = effective_n_jobs(None)
    else:
        found = max(1, config.n_cpus // config.n_threads)
    if config.mem_mb is None or found == 1:
        return found
    needed = max(participant_mb(config, subject) for subject in subjects)
    fitting = max(1, int(config.mem_mb // needed))
    if fitting < found:
        text = "%d processes instead of %d: each needs about %.0f MB, there are %d (--mem-mb)"
        logger.warning(text, fitting, found, needed, config.mem_mb)
    return min(found, fitting)


def _shared(
    work: Work, config: Config, subjects: Sequence[str], n_at_once: int, call: Path
) -> Iterator[Outcome | None]:
    """Yield outcomes of participants that processes, or threads, share."""
    with own_processes(config.n_threads), at_good_places():
        # for one participant alone, too, a process: this one has to outlive it
        n_jobs = max(2, min(n_at_once, len(subjects)))
        run = Parallel(n_jobs=n_jobs, return_as="generator_unordered", max_nbytes=None)
        parent = os.getpid()
        tasks = (
            delayed(_elsewhere)(work, config, subject, call, stop_file(), parent)
            for subject in subjects
        )
        yield from run(tasks)


def _elsewhere(
    work: Work, config: Config, subject: str, call: Path, stop: Path | None, parent: int
) -> Outcome | None:
    """Analyse one participant in another process or thread; None where it was not started."""
    if os.getpid() == parent:
        return None if stop_asked() else work(config, subject)
    no_bars()
    torch.set_num_threads(config.n_threads)
    log = logging_to(call / "drmbids.log", config.verbosity)
    # folds of this participant get processes of their own, where joblib would take threads
    folds = parallel_config("loky", inner_max_num_threads=config.n_threads)
    with log, folds, watching(stop), stop_on_signals():
        return None if stop_asked() else work(config, subject)


def _killed(subject: str) -> Outcome:
    logger.error("sub-%s: %s", subject, KILLED)
    return Outcome(subject, 0.0, KILLED, DRMError.exit_code)
