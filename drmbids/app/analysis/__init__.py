"""The analysis of one participant: configuration, checks before the fit, fits, files."""
