"""Scores of predicted against measured series, per target."""
