"""The chain: pipeline files, and the stages that they list run on events."""
