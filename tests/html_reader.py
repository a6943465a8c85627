"""What a browser would see of a page."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def addresses(self) -> list[str]:
        """Where links and pictures point to."""
        return [value or "" for name, value in self.attributes if name in ("src", "href")]
