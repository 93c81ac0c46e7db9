"""DataShape: what a net needs to know of the data before it can be built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events
from drmbids.data.runs.targets import as_runs
from drmbids.data.tools.exceptions import DataError


@dataclass(frozen=True)
class DataShape:
    """Sizes and names of a data set.

    Parameters
    ----------
    regions : mapping of str to int
        Targets (voxels, channels) of each region.
    stimuli : mapping of str to tuple of str
        Columns of each stimulus; of events the conditions of all runs.
    confounds : tuple of str or None
        Confound columns by name; None where runs have different ones.
    repetition_times : tuple of float
        All that occur, in seconds.
    modulators : mapping of str to tuple of str
        Those of the columns of a stimulus that are numbers beside its conditions.
    shortest_event : float, optional
        Seconds of the shortest event; None where there are none.

    Examples
    --------
    >>> DataShape({"V1": 20}, {"events": ("face", "house")}).regions
    {'V1': 20}
    """

    regions: Mapping[str, int]
    stimuli: Mapping[str, tuple[str, ...]]
    confounds: tuple[str, ...] | None = ()
    repetition_times: tuple[float, ...] = ()
    modulators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shortest_event: float | None = None

    @classmethod
    def of(cls, data: "Sequence[Run] | DataShape") -> "DataShape":
        """Return the shape of runs.

        Parameters
        ----------
        data : sequence of Run, or DataShape
            A shape is returned as it is.

        Raises
        ------
        DataError
            If there are no runs, or a region has different targets in different runs.
        """
        if isinstance(data, DataShape):
            return data
        data = as_runs(data)
        if not data:
            raise DataError("no runs, so the sizes of the model are not known; give one or more")
        regions: dict[str, int] = {}
        stimuli: dict[str, tuple[str, ...]] = {}
        modulators: dict[str, tuple[str, ...]] = {}
        for run in data:
            for name, response in run.responses.items():
                n_targets = response.values.shape[1]
                if regions.setdefault(name, n_targets) != n_targets:
                    raise DataError(
                        f"{run.label}: region {name!r} has {n_targets} targets, "
                        f"{regions[name]} in {data[0].label}; use one mask for all runs"
                    )
            for name, stimulus in run.stimuli.items():
                columns = (*stimuli.get(name, ()), *stimulus.columns)
                stimuli[name] = tuple(dict.fromkeys(columns))
                if isinstance(stimulus, Events) and stimulus.modulators:
                    more = (*modulators.get(name, ()), *stimulus.modulators)
                    modulators[name] = tuple(dict.fromkeys(more))
        lengths = [
            float(np.min(s.durations))
            for run in data
            for s in run.stimuli.values()
            if isinstance(s, Events) and len(s.durations)
        ]
        confounds = {
            () if r.confounds is None else tuple(sorted(r.confounds.columns)) for r in data
        }
        return cls(
            regions,
            stimuli,
            confounds.pop() if len(confounds) == 1 else None,
            tuple(sorted({t for t in map(repetition_time, data) if t is not None})),
            modulators,
            min(lengths, default=None),
        )


def repetition_time(run: Run) -> float | None:
    """Return the repetition time of a run in seconds; from its measured times where not given."""
    if run.tr is not None:
        return float(run.tr)
    steps = [np.diff(stream.times) for stream in run.responses.values() if len(stream.times) > 1]
    return round(float(np.median(np.concatenate(steps))), 6) if steps else None
