"""BIDS datasets to Runs, and predictions, maps and tables back to BIDS derivatives. No torch."""
