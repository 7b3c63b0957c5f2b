"""The process and its machine: signals, workers, progress, packages that may be missing."""
