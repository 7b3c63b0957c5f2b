"""Training of the models that translate sources into clusters."""
