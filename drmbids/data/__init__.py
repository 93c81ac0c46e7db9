"""Runs and what they are made of; everything else takes or makes them."""
