"""`python docs/site/screenshot.py TITLE < output > picture.svg`: draws what a terminal shows.

For what a command has printed: nobody draws it by hand, so that it says what is printed. Colours are those that the
command chose (`script -qc COMMAND` keeps them); light and dark follow the reader's.
"""

import re
import sys
from collections.abc import Iterator
from xml.sax.saxutils import escape

COLUMNS = 112
LINE, CHARACTER, MARGIN, BAR = 18, 7.8, 16, 28
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")
OTHER_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r")
CLASSES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow"}
STYLE = """\
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #24292f; white-space: pre }
    .frame { fill: #f6f8fa; stroke: #d0d7de } .title { fill: #57606a }
    .bold { font-weight: 600 } .dim { fill: #57606a } .red { fill: #cf222e } .green { fill: #1a7f37 }
    .yellow { fill: #9a6700 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .frame { fill: #0d1117; stroke: #30363d } .title, .dim { fill: #8b949e }
      .red { fill: #ff7b72 } .green { fill: #3fb950 } .yellow { fill: #d29922 }
    }"""


def picture(title: str, printed: str) -> str:
    """Return the picture of what was printed."""
    lines = [part for line in OTHER_SEQUENCES.sub("", printed).rstrip().split("\n") for part in _wrapped(line)]
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), BAR + len(lines) * LINE + 2 * MARGIN
    body = [
        f'  <text x="{MARGIN}" y="{BAR + MARGIN + (number + 1) * LINE - 5}">{"".join(_spans(line))}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    size = f'viewBox="0 0 {width} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
            f"  <style>\n{STYLE}\n  </style>",
            f'  <rect class="frame" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            f'  <text class="title" x="{MARGIN}" y="{BAR - 6}">{escape(title)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _spans(line: str) -> Iterator[str]:
    """Yield the parts of a line, each in its colour."""
    parts = SEQUENCE.split(line)
    chosen: list[str] = []
    for number, part in enumerate(parts):
        if number % 2:
            chosen = [] if part in ("", "0") else [*chosen, *part.split(";")]
        elif part:
            names = " ".join(CLASSES[each] for each in chosen if each in CLASSES)
            yield f'<tspan class="{names}">{escape(part)}</tspan>' if names else escape(part)


def _wrapped(line: str) -> Iterator[str]:
    """Yield a line as a terminal breaks it; one with colours is short enough."""
    if SEQUENCE.search(line) or not line:
        yield line
        return
    for start in range(0, len(line), COLUMNS):
        yield line[start : start + COLUMNS]


if __name__ == "__main__":
    sys.stdout.write(picture(sys.argv[1], sys.stdin.read()))
