"""Truth from HepMC text files."""
