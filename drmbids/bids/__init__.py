"""BIDS datasets in and out: runs found, read, checked; derivatives named, written. No torch."""
