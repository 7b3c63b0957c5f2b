"""How generated decays are distributed: decay files, spins, form factors, shapes, mixing."""
