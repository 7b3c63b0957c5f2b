"""Models that translate a sequence of sources into a sequence of clusters."""
