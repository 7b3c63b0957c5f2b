"""From detailed samples to trained artefacts."""
