"""Runs, streams, events, folds, nuisance and results, in plain numpy. No torch, no nilearn."""
