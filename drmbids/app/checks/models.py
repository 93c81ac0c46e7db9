"""Models: every name, size and delay against the data."""

import math
from collections.abc import Iterator

import torch

from drmbids.app.checks.inspection import Inspection, told_by
from drmbids.bids.files.problems import Problem
from drmbids.bids.files.write import file_name
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.readouts import READOUTS
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DRMError, ModelError
from drmbids.data.tools.processes import RANDOM
from drmbids.fit.training.size import check_delays, check_size

#: Longest name of a file, in bytes, on all usual file systems.
LONGEST_NAME = 255

#: Name of the default model in files.
DEFAULT = "drm"

# What the name of a file has more while it is written.
_TEMPORARY = 10

_REMEDY = "correct the model file, or choose other data"


def check_models(inspection: Inspection) -> None:
    """Build each model for the runs that can be used, and see that it can be trained and named."""
    runs = list(inspection.runs.values())
    if not runs:
        return
    for name, spec in (inspection.request.models or {DEFAULT: default_model(runs)}).items():
        inspection.add(list(_unlike_images(name, spec)))
        place, texts = f"model {name}", []
        try:
            # a check must not move the random numbers that training starts from
            with RANDOM, torch.random.fork_rng(devices=[]):
                net = spec.build(runs)
            check_delays(net, runs)
        except ModelError as error:
            texts = error.problems
        except DRMError as error:
            texts = [str(error)]
        else:
            window = spec.training.window_s
            try:
                check_size(net, runs, window and math.ceil(window / net.resolution))
            except ModelError as error:
                inspection.add([told_by("MD03", place, str(error), _REMEDY)])
        inspection.add([told_by("MD02", place, text, _REMEDY) for text in texts])
        longest = max(map(_letters, runs, [name] * len(runs)))
        if longest > LONGEST_NAME:
            found = f"names of its files would have {longest} letters, and {LONGEST_NAME} is most"
            inspection.add([Problem("MD02", place, found, "shorten its name, or labels of files")])


def _letters(run: Run, model: str) -> int:
    """Return the length of the longest name of a file that is written for a run."""
    label = "".join(c for c in model if c.isascii() and c.isalnum())
    desc = f"{label}predicted"
    return len(file_name(run.entities, "bold", ".dtseries.nii", desc=desc, hemi="L")) + _TEMPORARY


def _unlike_images(name: str, spec: ModelSpec) -> Iterator[Problem]:
    """Yield each readout of something else than the voxels of BOLD images, which are the data."""
    kinds = [kind for kind, readout in READOUTS.items() if readout.measures == "bold"]
    for part in spec.readout_parts.values():
        measures = READOUTS[part.kind].measures
        if measures not in ("", "bold"):
            yield Problem(
                "MD02",
                f"model {name}",
                f"the readout {part.kind} is of {measures}, the data are BOLD images",
                f"use one of: {', '.join(kinds)}",
            )
