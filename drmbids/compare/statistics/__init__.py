"""What may be said of scores: pairs, permutations, ceilings, shares, participants."""
