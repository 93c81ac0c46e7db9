"""What axes of figures of results say."""

from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import UsageError

#: Scores as readers write them.
SIGNS = {"r": "r", "r2": "R²", "log_likelihood": "log-likelihood"}


def score_label(results: Results, score: str) -> str:
    """Return the name of a score, and of what series it is: held out, or not.

    Parameters
    ----------
    results : Results
    score : str

    Raises
    ------
    UsageError
        If the results lack it.
    """
    if score not in results.scores:
        raise UsageError(f"no score {score!r} in the results, which have {results.scores}")
    in_sample = any(fold.kind == "none" for fold in results.splits)
    return f"{SIGNS[score]} {'in sample' if in_sample else 'of held-out series'}"


def check_models(results: Results, *names: str | None) -> None:
    """Raise :class:`UsageError` where a model is not in the results.

    Parameters
    ----------
    results : Results
    *names : str or None
    """
    there = [str(name) for name in results.table["model"].unique()]
    unknown = [name for name in names if name is not None and name not in there]
    if unknown:
        raise UsageError(f"no model {unknown[0]!r} in the results, which have {there}")
