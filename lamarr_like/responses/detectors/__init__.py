"""Detectors that answer with arrays: a declaration and a detailed simulation each."""
