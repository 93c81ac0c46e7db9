"""Where the targets of each region lie among vertices, grayordinates or parcels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class PlaceSpace:
    """Where the targets of each region lie among the numbered places of a file.

    Surfaces and CIFTI files have no grid: what they hold is a list of places, vertices of the
    left and then of the right hemisphere, grayordinates, or parcels.

    Parameters
    ----------
    names : sequence of str
        One for each place.
    places : mapping of str to array of int of shape (n_targets,)
        Places of each region, in the order of its response columns.
    layout : object
        What it takes to write files of such places; :mod:`drmbids.bids` knows.

    Examples
    --------
    >>> space = PlaceSpace(["a", "b", "c"], {"V1": np.array([2, 0])})
    >>> space.columns("V1"), space.filled({"V1": np.array([5.0, 6.0])})
    (['c', 'a'], array([ 6., nan,  5.]))
    """

    names: Sequence[str]
    places: Mapping[str, np.ndarray]
    layout: Any = None

    @property
    def members(self) -> Mapping[str, np.ndarray]:
        """Places of each region."""
        return self.places

    def columns(self, region: str) -> list[str]:
        """Return the name of each target of a region."""
        return [self.names[int(k)] for k in self.places[region]]

    def keep(self, alive: Mapping[str, np.ndarray]) -> "PlaceSpace":
        """Return the space with some targets of each region.

        Parameters
        ----------
        alive : mapping of str to array of bool of shape (n_targets,)
        """
        return replace(self, places={n: p[alive[n]] for n, p in self.places.items()})

    def filled(self, values: Mapping[str, np.ndarray], fill: float = np.nan) -> np.ndarray:
        """Return one number for each place.

        Parameters
        ----------
        values : mapping of str to array of shape (n_targets,) or (n_times, n_targets)
            Values by region.
        fill : float
            Value of places in no region.

        Returns
        -------
        array of shape (n_places,) or (n_times, n_places)
        """
        first = np.asarray(next(iter(values.values())))
        out = np.full((*first.shape[:-1], len(self.names)), fill)
        for region, array in values.items():
            out[..., self.places[region]] = np.asarray(array)
        return out
