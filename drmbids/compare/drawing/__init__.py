"""Figures from arrays and tables; those that users call are in :mod:`drmbids.plotting`."""
