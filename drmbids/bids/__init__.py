"""BIDS datasets in and out: runs found, read, checked; derivatives named, written. No torch."""

from drmbids.bids.explicit import load_run
from drmbids.bids.find import RunFiles, find_runs
from drmbids.bids.load import load_runs

__all__ = ["RunFiles", "find_runs", "load_run", "load_runs"]
