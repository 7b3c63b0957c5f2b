"""Reconstructed tracks of a time projection chamber, with detailed and with drawn responses."""
