"""Ntuples looked at: pages of plots, and pictures of single events."""
