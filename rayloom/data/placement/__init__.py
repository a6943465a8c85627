"""Where the scene lies: what surrounds the cameras, the training frame, and how far rays reach."""
