"""Checks that any component keeps its contract; users find them in :mod:`drmbids.testing`."""
