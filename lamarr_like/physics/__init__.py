"""Particles, kinematics and likelihoods: what is true in any detector."""
