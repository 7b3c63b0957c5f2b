"""Stages of the electromagnetic calorimeter."""
