"""Statistics that know nothing of detectors: distances, tests, peaks, bins."""
