"""Translation of arrays between two samples that share no events."""
