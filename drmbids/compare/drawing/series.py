"""A measured series and what the models predict for it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import MEASURED, WIDTH, model_colors, styled


@styled
def series(
    times: np.ndarray,
    measured: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    title: str = "",
    baseline: str | None = None,
    unit: str = "image units",
) -> Figure:
    """Draw one target's measured series with the prediction of each model.

    Parameters
    ----------
    times : array of shape (n_measured,)
        Seconds from the start of the run's first volume.
    measured : array of shape (n_measured,)
        Measured series, nuisance taken out.
    predicted : mapping of str to array of shape (n_measured,)
        Predicted series by model, in the order of the legend.
    title : str
        Shown above the axes.
    baseline : str, optional
        Model drawn in grey.
    unit : str
        Unit of the signal.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = series(np.arange(3.0), np.ones(3), {"drm": np.zeros(3)})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['measured', 'drm']
    """
    figure = Figure(figsize=(WIDTH, 2.1), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        times, measured, color=MEASURED, linewidth=0.6, marker=".", markersize=2.2, label="measured"
    )
    colors = model_colors(predicted, baseline)
    for model, values in predicted.items():
        axes.plot(times, values, color=colors[model], linewidth=1.4, label=model)
    axes.set_title(title, pad=14)
    axes.set(xlabel="Time (s)", ylabel=f"Signal ({unit})")
    axes.margins(x=0.01)
    # between title and axes: neither models with long names nor a long title can collide there
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, borderaxespad=0)
    return figure
