"""Trigger-like decisions on reconstructed objects: a menu of lines, and whose doing they were."""
