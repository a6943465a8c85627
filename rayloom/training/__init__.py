"""Training a method on a scene: the loop, run folders, evaluation."""
