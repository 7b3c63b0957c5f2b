"""Clusters, identification and muons of the fast chain beside the detailed simulation."""
