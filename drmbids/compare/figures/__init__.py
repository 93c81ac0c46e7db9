"""Figures of estimators, results and runs; users find them in :mod:`drmbids.plotting`."""
