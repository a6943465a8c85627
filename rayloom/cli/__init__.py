"""The command line. Each command imports what is heavy when it runs, so that help is quick."""

from rayloom.cli.main import main
