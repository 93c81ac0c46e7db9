"""Pure tensor functions without state: hemodynamics, delays, scans, constraints, errors, ridge."""
