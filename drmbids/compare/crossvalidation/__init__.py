"""Models x folds x targets: fits, held-out predictions and one table of scores."""
