"""Figures of a brain at rest: connectivity, spectra and dynamics beside the measured ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from drmbids.compare.drawing.style import GREY, MEASURED, PALETTE, WIDTH, no_data, shorten, styled

_MOST_NAMES = 40  # regions that can still be named
_RASTERISED_FROM = 2000  # pairs from which points are an image inside the vector figure


@styled
def connectivity(
    measured: np.ndarray,
    model: np.ndarray,
    regions: Sequence[str] | None = None,
    titles: tuple[str, str] = ("Measured", "Model"),
) -> Figure:
    """Draw two connectivity matrices side by side, and one against the other pair by pair.

    Parameters
    ----------
    measured, model : array of shape (n, n)
        Correlations; NaN where unknown.
    regions : sequence of str, optional
        Names; written where there are few.
    titles : tuple of str
        Of the two matrices.

    Returns
    -------
    Figure

    Examples
    --------
    >>> fc = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> connectivity(fc, fc).axes[0].get_title(loc="left")
    'Measured'
    """
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
    pairs = np.triu_indices(len(measured), 1)
    x, y = np.asarray(measured)[pairs], np.asarray(model)[pairs]
    both = np.isfinite(x) & np.isfinite(y)
    if not both.any():
        for axes in (left, middle):
            axes.set_axis_off()
        return no_data(figure, right, "no pair of regions has both")
    limit = float(np.abs(np.concatenate((x[both], y[both]))).max()) or 1.0
    for axes, matrix, title in zip((left, middle), (measured, model), titles, strict=True):
        shown = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set(title=title, xlabel="Region")
        axes.tick_params(length=0)
        if regions is not None and len(regions) <= _MOST_NAMES:
            size = float(np.clip(160 / len(regions), 3, 6.5))
            names = [shorten(str(r), 14) for r in regions]
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
            axes.set_yticks(range(len(names)), names if axes is left else [], fontsize=size)
            axes.set_xlabel("")
    left.set_ylabel("" if left.get_yticklabels() and regions is not None else "Region")
    bar = figure.colorbar(image, ax=[left, middle], shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("r")
    right.scatter(
        x[both], y[both], s=float(np.clip(3000 / both.sum(), 1.5, 14)), color=PALETTE[0],
        alpha=0.5, linewidth=0, rasterized=both.sum() >= _RASTERISED_FROM,
    )  # fmt: skip
    low, high = float(min(x[both].min(), y[both].min())), float(max(x[both].max(), y[both].max()))
    margin = 0.05 * (high - low) or 0.05
    limits = (low - margin, high + margin)
    right.plot(limits, limits, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    varies = np.ptp(x[both]) > 0 and np.ptp(y[both]) > 0
    r = float(np.corrcoef(x[both], y[both])[0, 1]) if varies else float("nan")
    right.set(
        title=f"{int(both.sum())} pairs, r = {r:.2f}",
        xlabel=f"r, {titles[0].lower()}",
        ylabel=f"r, {titles[1].lower()}",
        xlim=limits,
        ylim=limits,
    )
    right.set_aspect("equal")
    return figure


@styled
def spectra(
    frequencies: np.ndarray, powers: Mapping[str, np.ndarray], label: str = "Power (share of band)"
) -> Figure:
    """Draw power over frequency: the median over regions, and the middle half of them.

    Parameters
    ----------
    frequencies : array of shape (n_frequencies,)
        Hz.
    powers : mapping of str to array of shape (n_frequencies, n_regions)
        By name; the first is drawn as measured.
    label : str
        Of the vertical axis.

    Returns
    -------
    Figure

    Examples
    --------
    >>> f = np.array([0.01, 0.02, 0.03])
    >>> spectra(f, {"measured": np.ones((3, 2))}).axes[0].get_xlabel()
    'Frequency (Hz)'
    """
    figure = Figure(figsize=(3.6, 2.6), layout="constrained")
    axes = figure.subplots()
    colors = [MEASURED, *PALETTE]
    for color, (name, power) in zip(colors, powers.items(), strict=False):
        quarter, middle, rest = np.nanquantile(power, (0.25, 0.5, 0.75), axis=1)
        axes.fill_between(frequencies, quarter, rest, color=color, alpha=0.18, linewidth=0)
        axes.plot(frequencies, middle, color=color, label=name)
    positive = all((np.asarray(p) > 0).all() for p in powers.values())
    axes.set(xlabel="Frequency (Hz)", ylabel=label, yscale="log" if positive else "linear")
    if positive:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # mathematics is not parsed
    axes.margins(x=0)
    axes.legend()
    return figure


@styled
def connectivity_dynamics(
    measured: np.ndarray,
    model: np.ndarray,
    times: np.ndarray,
    titles: tuple[str, str] = ("Measured", "Model"),
) -> Figure:
    """Draw how alike connectivity is at different times, and the distributions of its values.

    Parameters
    ----------
    measured, model : array of shape (n_windows, n_windows)
        FCD matrices: correlations of the connectivities of windows.
    times : array of shape (n_windows,)
        Seconds of the middle of each window of the measured one.
    titles : tuple of str
        Of the two matrices.

    Returns
    -------
    Figure

    Examples
    --------
    >>> fcd = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> connectivity_dynamics(fcd, fcd, np.array([30.0, 60.0])).axes[0].get_xlabel()
    'Time (s)'
    """
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
    half = float(np.diff(times).mean()) / 2 if len(times) > 1 else 0.5
    for axes, matrix, title in zip((left, middle), (measured, model), titles, strict=True):
        first, last = times[0] - half, times[0] + (2 * len(matrix) - 1) * half
        image = axes.imshow(
            matrix, cmap="viridis", vmin=0, vmax=1, extent=(first, last, last, first)
        )
        axes.set(title=title, xlabel="Time (s)")
    left.set_ylabel("Time (s)")
    bar = figure.colorbar(image, ax=[left, middle], shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("r of connectivities")
    kept = [np.asarray(m)[np.triu_indices(len(m), 1)] for m in (measured, model)]
    kept = [values[np.isfinite(values)] for values in kept]
    lowest = min((values.min() for values in kept if len(values)), default=0.0)
    bins = np.linspace(min(lowest, 0.0), 1.0 + 1e-9, 37)
    for values, title, color in zip(kept, titles, (MEASURED, PALETTE[0]), strict=True):
        shares, _ = np.histogram(values, bins)
        right.stairs(shares / max(len(values), 1), bins, color=color, label=title.lower())
    right.set(xlabel="r of connectivities", ylabel="Share of pairs of windows")
    right.legend(loc="best")
    return figure
