"""A LiteLLM file, read for import: its models, chains, settings and secrets, and what became of every key."""

from collections.abc import Callable

from ..config import checks
from ..config.rendering import header
from ..errors import ConfigurationError, Problem
from . import blocks
from .deployment import Reading
from .entries import read_entries
from .litellm_keys import INSTEAD, instead
from .report import Report
from .walks import read_chains, read_fallbacks
from .yaml_tree import read_tree

_OURS = header("").encode().partition(b" Content hash")[0]


def read_file(data: bytes, name: str, value_of: Callable[[str], str | None], rows: bool = False) -> Reading:
    """Return what the LiteLLM file ``name`` says; raises ConfigurationError where it is none.

    ``value_of`` gives a variable's present value, for references where ours take none; ``rows``: for the registry.
    """
    root = read_tree(data, name)
    entries = root.get("model_list")
    if entries is None or entries.kind != "list" or not entries.children:
        raise ConfigurationError([Problem("model_list is missing or empty", name,
                                          "name a LiteLLM YAML that lists at least one model")])
    reading = Reading(Report(name), root, value_of, rows, generated=data.startswith(_OURS))
    blocks.read_environment(reading, root)
    read_entries(reading, entries, blocks.credentials(reading, root))
    blocks.read_shared(reading)
    read_chains(reading)
    read_fallbacks(reading, blocks.read_aliases(reading, root))
    blocks.read_blocks(reading, root)
    for node in root.items():
        if node.key in INSTEAD[""] and (node.children or node.text):
            reading.report.lost(node, instead("", node.key))
    if not reading.models:
        raise ConfigurationError([Problem("no entry of model_list can be imported", name, item.text)
                                  for item in reading.report.of("lost")[:5]])
    reading.wanted[checks.MASTER_KEY] = None
    return reading


def finish(reading: Reading) -> Report:
    """Return the report, complete: every key of the file is in it."""
    blocks.clear_secrets(reading, reading.root)
    reading.report.finish(reading.root)
    return reading.report
