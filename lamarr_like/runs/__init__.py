"""Whole runs: events from a source, through the chain or the detailed simulation, into a file."""
