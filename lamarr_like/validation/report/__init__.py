"""The validation report: gather samples, compute, judge, draw and write; each in a module."""
