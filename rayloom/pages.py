"""Web pages in one look, dark or light as the reader has it; they hold their style and need no script."""

from collections.abc import Iterable, Sequence
from html import escape


def document(title: str, parts: Iterable[str], footer: str) -> str:
    """A whole page of HTML parts, empty ones left out; title and footer are plain text."""
    body = "\n".join(part for part in (*parts, f"<footer>{escape(footer)}</footer>") if part)
    return _FRAME.format(title=escape(title), style=_STYLE, body=body)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Figures in a row, each as value and name, in plain text."""
    tiles = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in pairs)
    return f'<section class="facts">{tiles}</section>'


def section(title: str, body: str, kind: str = "") -> str:
    """HTML under a heading, which is plain text; `kind` is "warnings", "advice" or nothing."""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<section{of_kind}><h2>{escape(title)}</h2>{body}</section>"


def sentences(title: str, texts: Sequence[str], kind: str) -> str:
    """A section with a list of plain texts; nothing where there are none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return section(title, f"<ul>{items}</ul>", kind) if texts else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose heads are plain text and whose cells are HTML."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{lines}</table>"


_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_STYLE = """
:root { --ink: #1c1e21; --soft: #6b7280; --ground: #fbfaf8; --card: #fff; --line: #e5e2dc;
  --bar: #2f7f79; --lost: #d9480f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e3; --soft: #9aa0a6; --ground: #17181a; --card: #1f2123; --line: #34373a;
    --bar: #55b3ab; --lost: #ff8a50; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 70rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
a { color: var(--bar); }
p { margin: .5rem 0 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem 1.25rem; margin: 0 0 1rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; }
.facts b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); }
.warnings { border-left: .3rem solid var(--lost); }
.advice { border-left: .3rem solid var(--bar); }
ul { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
img, video { display: block; width: 100%; }
img { margin: 0 0 .5rem; }
video { max-height: 70vh; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td:first-child { max-width: 24rem; overflow: hidden; text-overflow: ellipsis; }
td:last-child { white-space: normal; }
.lost td { color: var(--lost); }
.bar { display: inline-block; width: 4.5rem; height: .5rem; margin-right: .5rem; border-radius: .25rem;
  background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); }
.button { display: inline-block; padding: .5rem 1rem; margin: 0 0 1rem; border-radius: .4rem;
  background: var(--bar); color: var(--card); text-decoration: none; font-weight: 600; }
footer { color: var(--soft); font-size: .85rem; }
"""
