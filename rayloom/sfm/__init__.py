"""Structure from motion: from bare photos or a video to a capture with cameras, and a report."""
