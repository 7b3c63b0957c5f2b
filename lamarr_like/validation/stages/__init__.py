"""How well each stage hides from a classifier."""
