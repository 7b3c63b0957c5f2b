"""Geant4 without its data files, for detailed samples of responses (extra ``geant4``)."""
