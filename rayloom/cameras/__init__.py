"""From pixels to rays and from points to pixels."""
