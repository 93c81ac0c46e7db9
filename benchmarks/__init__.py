"""Timings and accuracies that tests do not hold: run by hand, results kept beside."""
