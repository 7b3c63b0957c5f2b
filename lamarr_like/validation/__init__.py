"""Fast against detailed: metrics compute, plots draw, reports write."""
