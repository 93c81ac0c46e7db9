"""Warnings of one piece of work, also where others run beside it in threads of one process."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Called with a warning and its category.
Show = Callable[[Warning | str, type[Warning]], None]

_SHOW: ContextVar[Show | None] = ContextVar("show", default=None)


class _Hook:
    """Python's one place that shows warnings, taken over while anybody asks for them."""

    def __init__(self) -> None:
        self.lock, self.n_users = threading.Lock(), 0
        self.before: Any = None

    def take(self) -> None:
        with self.lock:
            self.n_users += 1
            if self.n_users == 1:
                self.before = warnings.catch_warnings()
                self.before.__enter__()
                warnings.simplefilter("always")
                shown = warnings.showwarning

                def show(message: Any, category: type[Warning], *where: Any) -> None:
                    own = _SHOW.get()
                    if own is None:  # of a thread that did not ask
                        shown(message, category, *where)
                    else:
                        own(message, category)

                warnings.showwarning = show

    def release(self) -> None:
        with self.lock:
            self.n_users -= 1
            if self.n_users == 0:
                self.before.__exit__(None, None, None)


_HOOK = _Hook()


@contextmanager
def each_warning(show: Show) -> Iterator[None]:
    """Hand warnings to a function while the context lasts, in place of Python's display.

    Unlike :func:`warnings.catch_warnings` it takes those of its own thread only.

    Parameters
    ----------
    show : callable
        ``show(message, category)``.
    """
    _HOOK.take()
    token = _SHOW.set(show)
    try:
        yield
    finally:
        _SHOW.reset(token)
        _HOOK.release()


@contextmanager
def recorded_warnings() -> Iterator[list[Warning]]:
    """Collect the warnings of the context instead of showing them.

    Examples
    --------
    >>> with recorded_warnings() as found:
    ...     warnings.warn("few volumes", UserWarning, stacklevel=1)
    >>> found
    [UserWarning('few volumes')]
    """
    found: list[Warning] = []

    def keep(message: Warning | str, category: type[Warning]) -> None:
        found.append(message if isinstance(message, Warning) else category(message))

    with each_warning(keep):
        yield found
