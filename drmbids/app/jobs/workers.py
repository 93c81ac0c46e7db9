"""One analysis in several processes, started by torchrun: the first one writes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from drmbids.app.analysis.config import Config


@contextmanager
def config_of_worker(config: Config) -> Iterator[Config]:
    """Yield the configuration of this process.

    All processes do the same, so that they meet where a model is trained
    (:mod:`drmbids.fit.training.parallel`). What others than the first write goes to a folder that
    is removed in the end, and their console shows warnings and errors only.

    Parameters
    ----------
    config : Config
        Of the whole analysis.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0":
        yield config
        return
    with tempfile.TemporaryDirectory(prefix="drmbids-worker-") as scratch:
        yield replace(config, out_dir=Path(scratch), verbosity=-1)
