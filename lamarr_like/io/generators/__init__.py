"""Truth that is made: Pythia, particle guns, and particles added to other events."""
