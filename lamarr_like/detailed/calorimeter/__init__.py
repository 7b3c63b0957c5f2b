"""The calorimeters of the reference detector: showers, clusters, identification."""
