"""Productions: many events cut into units, run by many processes, each event exactly once."""
