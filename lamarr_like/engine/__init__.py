"""Trained models: on disk, checked, loaded and run, on one thread and without TensorFlow."""
