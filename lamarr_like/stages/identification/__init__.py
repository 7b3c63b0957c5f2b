"""Stages of particle identification."""
