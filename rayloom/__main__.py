"""Runs the command line as `python -m rayloom`."""

from rayloom.cli import main

if __name__ == "__main__":
    main()
