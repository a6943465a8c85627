"""The live viewer: a capture, a trained scene, or one in training, walked through in a browser."""
