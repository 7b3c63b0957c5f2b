"""Decays: descriptors, candidates with a vertex fit, DaVinci ntuples and generated signals."""
