"""Loss over the epochs of training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drmbids.compare.drawing.style import PALETTE, styled


@styled
def training_curve(log: pd.DataFrame, title: str = "") -> Figure:
    """Draw training and validation loss by epoch and mark the best validation epoch.

    Parameters
    ----------
    log : DataFrame
        Columns ``epoch``, ``train_loss`` and, optionally, ``val_loss`` (NaN where there was none).
    title : str
        Shown above the axes.

    Returns
    -------
    Figure

    Examples
    --------
    >>> log = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5]})
    >>> len(training_curve(log).axes[0].lines)
    1
    """
    figure = Figure(figsize=(4.6, 2.4), layout="constrained")
    axes = figure.subplots()
    marker = "." if len(log) <= 60 else ""
    axes.plot(log["epoch"], log["train_loss"], marker=marker, color=PALETTE[0], label="training")
    validation = log["val_loss"] if "val_loss" in log else pd.Series(np.nan, log.index)
    there = validation.notna()
    if there.any():
        axes.plot(
            log["epoch"][there],
            validation[there],
            marker=marker,
            color=PALETTE[1],
            label="validation",
        )
        best = validation.idxmin()
        epoch = log["epoch"][best]
        axes.plot(
            epoch,
            validation[best],
            "o",
            markerfacecolor="none",
            markersize=8,
            color=PALETTE[1],
            label=f"lowest validation loss (epoch {epoch:g})",
        )
    axes.set_title(title)
    axes.set(xlabel="Epoch", ylabel="Loss (error / variance)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right")
    return figure
