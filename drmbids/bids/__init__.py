"""BIDS datasets in and out. No torch."""
