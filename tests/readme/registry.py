"""Says for every block that a reader may paste how the tests run it; a block that is not listed here fails a test.

Keys are (language, section) and give one entry per block, in order.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from .markdown import DOCUMENTS, Block, blocks

# demo: in a copy of the checkout; setup: a new folder; recipe: starts a gateway; ask: against a running gateway;
# service: goes on until it is told to end; plan: `--print-config` only; render: beside a stand-in for kubectl; compose:
# tests/containers; checked: by its paths, because running it would run the tests.
How = Literal["demo", "setup", "recipe", "ask", "service", "plan", "render", "compose", "checked"]
PASTED = ("sh", "env", "python", "powershell")
NOT_PASTED = ("text", "json", "yaml")

REGISTRY: dict[str, dict[tuple[str, str], tuple[How, ...]]] = {
    "README.md": {
        ("sh", "LiteLLM Local Gateway"): ("demo", "checked"),
        ("powershell", "LiteLLM Local Gateway"): ("checked",),
        ("sh", "Your own models"): ("demo", "setup", "plan", "ask"),
        ("python", "Your own models"): ("ask",),
        ("sh", "GPT-5"): ("recipe",),
        ("env", "GPT-5"): ("plan",),
        ("sh", "DeepSeek v3.2"): ("recipe",),
        ("env", "DeepSeek v3.2"): ("plan",),
        ("sh", "Grok Code Fast-1"): ("recipe",),
        ("env", "Grok Code Fast-1"): ("plan",),
        ("sh", "Two models at once"): ("recipe",),
        ("env", "Two models at once"): ("plan",),
        ("env", "Groq, Gemini and Mistral in parallel"): ("recipe",),
        ("env", "A fallback chain"): ("recipe",),
        ("sh", "Containers"): ("compose", "compose"),
        ("sh", "From your plan to docker-compose and Kubernetes"): ("render", "render"),
        ("sh", "Parameters"): ("setup",),
        ("sh", "Streaming: the demo scripts"): ("demo",),
        ("env", "Migration from the single-model variables"): ("plan",),
        ("sh", "Development"): ("checked",),
    },
    "docs/begin.md": {},
    "docs/operating.md": {
        ("sh", "Status, reload, stop"): ("ask",),
        ("powershell", "Windows"): ("checked",),
    },
    "docs/variables.md": {},
    "docs/request-line.md": {},
    "docs/routes.md": {},
    "docs/check.md": {},
    "docs/rehearse.md": {},
    "docs/explain.md": {
        ("env", "What a request will do"): ("plan",),
    },
    "docs/dashboard.md": {
        ("sh", "The dashboard"): ("service",),
    },
    "docs/discovery.md": {
        ("sh", "Asking a running gateway"): ("ask",),
        ("sh", "The service for desktop clients"): ("service", "ask"),
    },
    "docs/home-cluster.md": {
        ("env", "The declaration"): ("plan",),
    },
    "docs/wildcards.md": {
        ("env", "Wildcards"): ("plan",),
    },
    "docs/deploy.md": {
        ("sh", "Deploying"): ("render",),
        ("sh", "Compose"): ("render",),
        ("sh", "Kubernetes"): ("render",),
        ("sh", "Keys"): ("render", "render"),
        ("sh", "The pod"): ("render",),
    },
    "docs/development.md": {
        ("sh", "Tests"): ("checked",),
    },
}


class Entry(NamedTuple):
    """One registered block."""

    block: Block
    how: How


def entries(*hows: How) -> list[Entry]:
    """Return the registered blocks that are run in one of these ways, all where none is named."""
    return [entry for document in DOCUMENTS for entry in _entries(document) if not hows or entry.how in hows]


def _entries(document: str) -> Iterator[Entry]:
    found: dict[tuple[str, str], list[Block]] = {}
    for block in pasted(document):
        found.setdefault((block.language, block.section), []).append(block)
    for place, listed in found.items():
        for block, how in zip(listed, REGISTRY[document].get(place, ())):
            yield Entry(block, how)


def pasted(document: str) -> list[Block]:
    """Return the blocks of a document that readers paste."""
    return [block for block in blocks(document) if block.language in PASTED]
