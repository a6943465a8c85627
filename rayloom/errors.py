"""Errors that are the user's to mend, told in one sentence."""

LONGEST = 1000
"""Letters of a sentence; of a longer one the middle is left out."""


class InputError(ValueError):
    """Bad input: names the file, the field, what was found and what was expected.

    The command line prints the message without a traceback and ends with exit code 2. What was found may
    come from anybody: letters that could steer a terminal are written as their numbers.
    """

    def __init__(self, where: object, problem: str) -> None:
        text = f"{where}: {problem}"
        if len(text) > LONGEST:
            text = f"{text[: LONGEST - 200]} ... {text[-190:]}"
        super().__init__(printable(text))


def printable(text: str) -> str:
    """A text of which no letter can steer a terminal."""
    return "".join(
        letter if letter.isprintable() or letter.isspace() else _escaped(letter) for letter in text
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
