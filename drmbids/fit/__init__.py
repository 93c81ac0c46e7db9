"""Brains and baselines fitted to runs."""
