"""Photos, masks and depth pictures as arrays: decoding, resizing, keeping."""
