"""``drmbids cluster``: a batch script that runs each participant as one job of an array."""

import shlex
from pathlib import Path
from typing import Any

from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.analysis.preflight import find_participants
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.interruption import Interrupted

#: Seconds before its time limit that Slurm tells a job to stop: enough for the window at hand of a
#: long fit, and what submitit takes as well.
NOTICE_S = 90

#: Times that a job is queued again, so that one which never gets anywhere ends.
MOST_RESTARTS = 50

# The signal is sent to the shell alone (B:), which hands it on and waits, as it has to see the exit
# code. `wait` returns when a signal arrives, so it is asked again while the child is there. Only a
# job near its limit queues itself again: SIGTERM comes from Slurm where it makes room, which then
# queues the job itself (--requeue), or from a user's scancel, which is to be obeyed.
_SCRIPT = """\
#!/bin/bash
# One job for each participant: sbatch {script}
# and, when all have ended:    sbatch --dependency=afterany:<job> --wrap {group}
# A job that reaches its time limit, or has to make room, goes on where it was stopped.
#SBATCH --job-name=drmbids
#SBATCH --array=0-{last}{limit}
#SBATCH --cpus-per-task={n_cpus}
#SBATCH --signal=B:USR1@{notice}
#SBATCH --requeue
#SBATCH --open-mode=append
{requests}#SBATCH --output={log}
set -uo pipefail
participants=({participants})
child= told= near_limit=
tell() {{ told=$1; if [ -n "$child" ]; then kill -"$1" "$child"; fi; }}
trap 'near_limit=yes; tell USR1' USR1
trap 'tell TERM' TERM
{participant} --participant-label "${{participants[$SLURM_ARRAY_TASK_ID]}}" &
child=$!
if [ -n "$told" ]; then kill -"$told" "$child"; fi
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
if [ $code -eq {interrupted} ] && [ -n "$near_limit" ] \\
    && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {most} ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit $code
"""


def write_cluster_script(
    bids_dir: Path,
    out_dir: Path,
    script: Path,
    scheduler: str = "slurm",
    time: str | None = None,
    partition: str | None = None,
    n_jobs_at_once: int | None = None,
    config_file: Path | None = None,
    **options: Any,
) -> None:
    """Write a batch script, and beside it the configuration that its jobs use.

    A job that is told to stop, before its time limit or to make room, keeps what it has done, ends
    with code 75 and is queued again; one that was killed leaves nothing half-written, so that the
    script may be submitted again.

    Parameters
    ----------
    bids_dir, out_dir : Path
        Dataset and derivative.
    script : Path
        File to write; the configuration is written under its name with ``.toml``.
    scheduler : {"slurm"}
    time, partition : str, optional
        As ``sbatch`` takes them.
    n_jobs_at_once : int, optional
        Jobs that run at the same time; as many as the cluster allows when absent.
    config_file : Path, optional
    **options
        Fields of :class:`Config`; ``n_cpus`` and ``mem_mb`` are asked for each job.

    Raises
    ------
    UsageError
        If an option is wrong, or the scheduler unknown.
    DataError
        If there is no participant.
    OutputError
        If a file cannot be written.
    """
    if scheduler != "slurm":
        raise UsageError(f"unknown scheduler {scheduler!r}; choose slurm")
    # jobs start in folders of their own
    given = {**options, "bids_dir": bids_dir, "out_dir": out_dir, "level": "participant"}
    config = resolve_config(given, config_file).with_absolute_paths()
    labels, settings = find_participants(config), script.resolve().with_suffix(".toml")
    config.save(settings)
    memory = config.mem_mb and f"{config.mem_mb}M"
    requests = {"time": time, "mem": memory, "partition": partition}
    text = _SCRIPT.format(
        script=shlex.quote(str(script)),
        group=shlex.quote(_command(config, "group", settings)),
        last=len(labels) - 1,
        limit=f"%{n_jobs_at_once}" if n_jobs_at_once else "",
        n_cpus=config.n_cpus or config.n_threads,
        notice=NOTICE_S,
        requests="".join(f"#SBATCH --{k}={v}\n" for k, v in requests.items() if v),
        log=config.out_dir / "logs" / "slurm-%A_%a.txt",
        participants=" ".join(labels),
        participant=_command(config, "participant", settings),
        interrupted=Interrupted.exit_code,
        most=MOST_RESTARTS,
    )
    (config.out_dir / "logs").mkdir(parents=True, exist_ok=True)  # Slurm makes no folders
    write_text(script, text)
    print(f"{script}: {len(labels)} jobs; start them with: sbatch {shlex.quote(str(script))}")


def _command(config: Config, level: str, settings: Path) -> str:
    parts = ["drmbids", config.bids_dir, config.out_dir, level, "--config-file", settings]
    return " ".join(shlex.quote(str(part)) for part in parts)
