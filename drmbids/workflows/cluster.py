"""``drmbids cluster``: a batch script that runs each participant as one job of an array."""

import shlex
from pathlib import Path
from typing import Any

from drmbids.core.exceptions import UsageError
from drmbids.core.files import write_text
from drmbids.workflows.config import Config, resolve_config
from drmbids.workflows.preflight import find_participants

_SCRIPT = """\
#!/bin/bash
# One job for each participant: sbatch {script}
# and, when all have ended:    sbatch --dependency=afterany:<job> --wrap {group}
#SBATCH --job-name=drmbids
#SBATCH --array=0-{last}{limit}
#SBATCH --cpus-per-task={n_threads}
{requests}#SBATCH --output={log}
set -euo pipefail
participants=({participants})
exec {participant} --participant-label "${{participants[$SLURM_ARRAY_TASK_ID]}}"
"""


def write_cluster_script(
    bids_dir: Path,
    out_dir: Path,
    script: Path,
    scheduler: str = "slurm",
    time: str | None = None,
    mem_mb: int | None = None,
    partition: str | None = None,
    n_jobs_at_once: int | None = None,
    config_file: Path | None = None,
    **options: Any,
) -> None:
    """Write a batch script, and beside it the configuration that its jobs use.

    A job that was killed leaves nothing half-written, so that the script may be submitted again.

    Parameters
    ----------
    bids_dir, out_dir : Path
        Dataset and derivative.
    script : Path
        File to write; the configuration is written under its name with ``.toml``.
    scheduler : {"slurm"}
    time, partition : str, optional
        As ``sbatch`` takes them.
    mem_mb : int, optional
        Memory of a job in MB.
    n_jobs_at_once : int, optional
        Jobs that run at the same time; as many as the cluster allows when absent.
    config_file : Path, optional
    **options
        Fields of :class:`Config`.

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
    requests = {"time": time, "mem": mem_mb and f"{mem_mb}M", "partition": partition}
    text = _SCRIPT.format(
        script=shlex.quote(str(script)),
        group=shlex.quote(_command(config, "group", settings)),
        last=len(labels) - 1,
        limit=f"%{n_jobs_at_once}" if n_jobs_at_once else "",
        n_threads=config.n_threads,
        requests="".join(f"#SBATCH --{k}={v}\n" for k, v in requests.items() if v),
        log=config.out_dir / "logs" / "slurm-%A_%a.txt",
        participants=" ".join(labels),
        participant=_command(config, "participant", settings),
    )
    (config.out_dir / "logs").mkdir(parents=True, exist_ok=True)  # Slurm makes no folders
    write_text(script, text)
    print(f"{script}: {len(labels)} jobs; start them with: sbatch {shlex.quote(str(script))}")


def _command(config: Config, level: str, settings: Path) -> str:
    parts = ["drmbids", config.bids_dir, config.out_dir, level, "--config-file", settings]
    return " ".join(shlex.quote(str(part)) for part in parts)
