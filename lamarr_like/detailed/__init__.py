"""The detailed reference simulation: an LHCb-like spectrometer with explicit physics.

It is the teacher of the shipped models and the yardstick of the reports.  It is a *reference
detector*, not LHCb: its numbers come from publications (`parameters`), its geometry is simplified,
and nothing in it was taken from LHCb's software.
"""
