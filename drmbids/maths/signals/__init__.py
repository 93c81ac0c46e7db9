"""Signals in time: hemodynamics, convolution, spectra, correlations, lead fields."""
