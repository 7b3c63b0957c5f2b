"""Models side by side: their figures, the gate that they pass, the catalogue of a registry."""
