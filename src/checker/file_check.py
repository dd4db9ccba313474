"""`check FILE.yaml`: everything that is wrong with a LiteLLM configuration, without LiteLLM and without a network."""

from collections.abc import Mapping
from pathlib import Path

from .file_aliases import check_aliases
from .file_blocks import check_blocks
from .file_boot import check_boot
from .file_context import Context
from .file_fallbacks import check_fallbacks
from .file_include import merge_includes
from .file_master import check_master_key
from .file_models import check_models
from .file_modules import check_modules
from .file_providers import check_providers
from .file_references import check_references
from .findings import Finding, Place, in_order
from .keys_table import KeyTable, load_table
from .yaml_reader import read_yaml

_CHECKS = (check_blocks, check_models, check_providers, check_references, check_aliases, check_fallbacks,
           check_modules, check_master_key, check_boot)


def check_text(text: str, name: str, environ: Mapping[str, str], table: KeyTable | None = None) -> list[Finding]:
    """Return what is wrong with a LiteLLM file; ``name`` is its path, ``environ`` the variables that LiteLLM will see.

    ``table`` are the keys to hold it to, by default those of the installed LiteLLM. Files that it includes, and Python
    that it names, are looked for in its folder; nothing is imported or asked.
    """
    root, findings = read_yaml(text, name)
    if root is None:
        return findings
    if root.kind != "map":
        what = "the file is empty" if root.empty and root.kind == "scalar" else "the file holds no mapping"
        return [*findings, Finding("GW206", f"{what}; LiteLLM ends with a traceback", root.place(),
                                   "model_list:\n- ...")]
    table = table or load_table(environ)
    if table.note:
        findings.append(Finding("GW215", table.note, Place(name)))
    folder = Path(name).parent
    merged, included = merge_includes(root, folder)
    context = Context(merged, table, environ, folder)
    for check in _CHECKS:
        included += check(context)
    return in_order(findings + included)
