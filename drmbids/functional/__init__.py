"""Pure tensor functions without state: hemodynamics, delays, scans, constraints, masked errors, ridge."""
