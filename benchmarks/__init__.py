"""Measurements of the preview; see `make bench`."""
