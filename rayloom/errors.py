"""Errors that are the user's to mend, told in one sentence."""


class InputError(ValueError):
    """Bad input: names the file, the field, what was found and what was expected.

    The command line prints the message without a traceback and ends with exit code 2.
    """

    def __init__(self, where: object, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
