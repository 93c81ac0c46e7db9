"""Work shared among processes by joblib, on the backend that the caller chose."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend

__all__ = ["KILLED", "RANDOM", "TerminatedWorkerError", "own_processes"]

#: Held while the random numbers that all threads of a process share are put in a state and drawn.
RANDOM = threading.RLock()

#: What is said of a worker that is gone.
KILLED = (
    "its process was killed, most often by the system because memory ran out; "
    "use fewer processes at once (--n-cpus), or more memory (--mem-mb)"
)


@contextmanager
def own_processes(n_threads: int = 1) -> Iterator[None]:
    """Let :class:`joblib.Parallel` use processes with few threads, unless a backend was chosen.

    One that :func:`joblib.parallel_config` names (``"threading"``, ``"dask"`` ...) stays.

    Parameters
    ----------
    n_threads : int
        Threads of each process.
    """
    active: Any = get_active_backend()[0]
    # the default backend is loky too, but lets every process use threads of its own number
    if type(active).__name__ != "LokyBackend" or active.inner_max_num_threads is not None:
        yield
        return
    with parallel_config("loky", inner_max_num_threads=n_threads):
        yield
