"""Stages of primary vertices."""
