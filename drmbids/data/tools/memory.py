"""The memory that this process may take: that of the machine, or of its container."""

import os
from pathlib import Path

# Where Linux keeps the limit of a container: version 2 of control groups, and version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

#: Linear models that stand beside those of model files: assumed and free responses, and the mean.
N_LINEAR = 3

# Bytes held of each measured value while models are compared: the series and its copy for training
# (8 + 4), the prediction of each model (8), and, of one model at a time, what is scored: measured
# and predicted series without nuisance, and the prediction also where nothing was measured (3 * 8).
_OWN_BYTES, _MODEL_BYTES, _SCORED_BYTES = 12, 8, 24


def comparison_bytes(n_values: float, n_models: int) -> float:
    """Return about how many bytes the series of a comparison take, measured and predicted.

    Parameters
    ----------
    n_values : float
        Measured values, volumes times targets, of all runs.
    n_models : int
        Models that are compared.

    Examples
    --------
    >>> comparison_bytes(1000, n_models=4)
    68000
    """
    return n_values * (_OWN_BYTES + n_models * _MODEL_BYTES + _SCORED_BYTES)


def memory_limit() -> int | None:
    """Return the bytes of memory of this machine, or of the container where that has fewer.

    Returns
    -------
    int or None
        None where neither says it.
    """
    found = [n for n in (_installed(), *map(_limit, map(Path, _LIMITS))) if n is not None]
    return min(found, default=None)


def _installed() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not Linux, or "max"
        return None


def readable(n_bytes: float) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> readable(512), readable(3.21e9)
    ('512 B', '3.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
