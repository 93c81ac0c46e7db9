"""Models x folds x targets: one table of scores, and paired differences from it."""
