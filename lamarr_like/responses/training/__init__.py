"""What fits the families of response generators; the only part of the room with TensorFlow."""
