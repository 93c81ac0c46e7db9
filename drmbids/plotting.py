"""Figures, as matplotlib figures that are drawn nowhere until they are shown or saved.

Functions named ``plot_...`` take what users have: estimators, :class:`~drmbids.Results`, runs,
nets and the tables of this package. They are looked up on first use, so that this module loads
neither matplotlib nor torch. What they draw with, arrays and tables in, lies in the modules of this
folder.
"""

from importlib import import_module
from typing import Any

# Every figure and the module it is made in.
_FIGURES = {
    "plot_scores": "scores",
    "plot_score_histogram": "scores",
    "plot_score_scatter": "scores",
    "plot_pairs": "scores",
    "plot_variance_parts": "scores",
    "plot_score_map": "space",
    "plot_score_surface": "space",
    "plot_events": "runs",
    "plot_series": "runs",
    "plot_physiology": "runs",
    "plot_brain_graph": "models",
    "plot_connections": "models",
    "plot_hrfs": "models",
    "plot_event_responses": "models",
    "plot_training": "models",
    "plot_intervals": "models",
    "plot_recovery": "models",
    "plot_group_scores": "participants",
    "plot_participant_differences": "participants",
    "plot_model_frequencies": "participants",
    "plot_connectivity": "rest",
    "plot_spectra": "rest",
    "plot_connectivity_dynamics": "rest",
}

__all__ = list(_FIGURES)


def __getattr__(name: str) -> Any:
    if name not in _FIGURES:
        raise AttributeError(f"module 'drmbids.plotting' has no attribute {name!r}")
    return getattr(import_module(f"drmbids.compare.figures.{_FIGURES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
