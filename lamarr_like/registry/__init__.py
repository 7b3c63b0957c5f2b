"""Registries of trained models: what there is, where it comes from, how it is fetched and named."""
