"""Labelled captures and benchmarks, as training and evaluation hold them."""
