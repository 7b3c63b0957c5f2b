"""Judgement of drawn responses beside detailed ones."""
