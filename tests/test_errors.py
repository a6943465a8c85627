"""A message is one sentence, whoever wrote what is in it."""

from rayloom.errors import LONGEST, InputError


def test_letters_that_steer_a_terminal_are_written_as_numbers():
    assert (
        str(InputError("a\x1b[2J.png", "is é, \u202e or \udce9")) == r"a\x1b[2J.png: is é, \u202e or \udce9"
    )


def test_of_a_long_message_the_middle_is_left_out():
    text = str(InputError("scene.json", f"found {'x' * 5000}; expected less"))
    assert len(text) <= LONGEST
    assert text.startswith("scene.json: found xxx")
    assert text.endswith("xxx; expected less")
