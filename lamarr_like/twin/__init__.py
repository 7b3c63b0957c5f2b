"""The digital twin: one file that describes a model's life, and what makes it come true."""
