"""Kernels of the engine: delays, scans, recurrences, integrators, compiled equations."""
