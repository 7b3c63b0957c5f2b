"""Stages of charged tracks."""
