"""Drawn responses beside detailed ones: how like they are, and what each costs."""
