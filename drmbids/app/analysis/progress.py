"""How far an analysis is: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from drmbids.app.analysis.logs import CONSOLE, logger
from drmbids.data.runs.fold import IN_SAMPLE

_BARS = [True]


def no_bars() -> None:
    """Draw no bar in this process any more: others beside it would draw over it."""
    _BARS[0] = False


@contextmanager
def fold_progress(label: str, show: bool = True) -> Iterator[Callable[[str, str, int, int], None]]:
    """Show the fits of a cross-validation.

    Parameters
    ----------
    label : str
        What is analysed: ``"sub-01"``.
    show : bool
        Whether there is a bar, on a terminal; the log gets a line for each fit in any case.

    Yields
    ------
    callable
        For ``on_fold`` of :func:`drmbids.compare_models`.
    """
    started = time.monotonic()
    if not (show and _BARS[0] and CONSOLE.is_terminal):

        def note(model: str, fold: str, i: int, n: int) -> None:
            logger.info("%s: %s", label, _line(model, fold, i, n, started))

        yield note
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} fits"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=CONSOLE, transient=True) as progress:
        task = progress.add_task(label, total=None)

        def advance(model: str, fold: str, i: int, n: int) -> None:
            progress.update(task, completed=i, total=n, description=f"{label} {model}")
            logger.debug("%s: %s", label, _line(model, fold, i, n, started))

        yield advance


def _line(model: str, fold: str, i: int, n: int, started: float) -> str:
    what = "in sample" if fold == IN_SAMPLE else f"{fold} held out"
    return f"fit {i}/{n}: {model}, {what} ({time.monotonic() - started:.0f} s)"
