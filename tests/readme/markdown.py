"""Reads the project's Markdown: fenced blocks with the section they stand in, anchors, links and marked samples."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/request-line.md", "docs/development.md", "docs/routes.md", "docs/check.md",
             "docs/dashboard.md", "docs/deploy.md", "docs/discovery.md", "docs/explain.md", "docs/home-cluster.md",
             "docs/rehearse.md", "docs/wildcards.md", "docs/begin.md", "docs/operating.md", "docs/variables.md")

_FENCE = re.compile(r"^(```+)(\w*)\s*$")
_HEADING = re.compile(r"^#{1,6}\s+(.*)$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SAMPLE = re.compile(r"^<!-- sample: (\w+) -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the heading above it, the line of its fence, its sample's name."""

    document: str
    section: str
    language: str
    text: str
    line: int
    sample: str = ""

    @property
    def where(self) -> str:
        """Return the place for messages."""
        return f"{self.document}:{self.line}"


def read(document: str) -> str:
    """Return a document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str = "README.md") -> list[Block]:
    """Return the fenced blocks of a document in order."""
    return list(_blocks(document, read(document).splitlines()))


def _blocks(document: str, lines: list[str]) -> Iterator[Block]:
    section = sample = fence = language = ""
    start, inside = 0, list[str]()
    for number, line in enumerate(lines, 1):
        found = _FENCE.match(line)
        if fence and line.strip() == fence:
            yield Block(document, section, language, "\n".join(inside) + "\n", start, sample)
            fence = sample = ""
        elif fence:
            inside.append(line)
        elif found:
            fence, language, start, inside = found[1], found[2], number, []
        elif heading := _HEADING.match(line):
            section = heading[1]
        elif named := _SAMPLE.match(line):
            sample = named[1]


def prose(document: str) -> str:
    """Return a document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)


def anchors(document: str) -> set[str]:
    """Return the anchors that a document's headings get on GitHub."""
    seen: Counter[str] = Counter()
    found = set()
    for line in prose(document).splitlines():
        if heading := _HEADING.match(line):
            slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def links(document: str) -> list[str]:
    """Return the targets of every link in a document."""
    return _LINK.findall(prose(document))


def block(language: str, section: str, document: str = "README.md", number: int = 0) -> Block:
    """Return the block of a language in a section; fails where there is none."""
    found = [one for one in blocks(document) if (one.language, one.section) == (language, section)]
    assert len(found) > number, f"{document} has no {language} block {number + 1} below {section!r}"
    return found[number]
