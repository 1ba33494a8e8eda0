"""Synthetic traffic, data sets and training."""
