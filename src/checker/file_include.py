"""`include:`: the files that LiteLLM merges into the one it is given."""

from collections.abc import Iterator
from pathlib import Path

from .findings import Finding
from .yaml_nodes import Entry, Node
from .yaml_reader import read_yaml

# Nobody includes more; a chain of files that include others ends here.
_MOST = 100


def merge_includes(root: Node, folder: Path) -> tuple[Node, list[Finding]]:
    """Return the document with its included files merged as LiteLLM does: lists are added, all else is replaced."""
    merged = Node("map", root.file, root.line, root.column, entries=dict(root.entries))
    findings: list[Finding] = []
    pending = list(_listed(root, folder, findings))
    loaded = {(folder / Path(root.file).name).resolve()}
    while pending and len(loaded) < _MOST:
        node, path = pending.pop(0)
        if path.resolve() in loaded:
            continue
        loaded.add(path.resolve())
        included = _read(node, path, findings)
        if included is not None:
            _merge(merged, included, findings)
            pending += _listed(included, path.parent, findings)
    return merged, findings


def _listed(root: Node, folder: Path, findings: list[Finding]) -> Iterator[tuple[Node, Path]]:
    node = root.get("include")
    if node is None:
        return
    if node.kind != "list" or any(item.text is None for item in node.items):
        findings.append(Finding("GW210", "include must be a list of files; LiteLLM ends with a traceback", node.place(),
                                f"include:\n- {node.text or 'models.yaml'}"))
        return
    for item in node.items:
        yield item, folder / str(item.text)


def _read(node: Node, path: Path, findings: list[Finding]) -> Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        findings.append(Finding("GW210", f"{node.text} cannot be read: {reason}", node.place(),
                                "name a file relative to this one"))
        return None
    root, found = read_yaml(text, str(path))
    findings += found
    if root is not None and root.kind != "map" and not root.empty:
        findings.append(Finding("GW210", f"{node.text} holds no mapping", node.place(), "model_list: [...]"))
        return None
    return root


def _merge(merged: Node, included: Node, findings: list[Finding]) -> None:
    for key, entry in included.entries.items():
        if key == "include":
            continue
        known = merged.entries.get(key)
        if known is None:
            merged.entries[key] = entry
        elif known.value.kind == entry.value.kind == "list":
            joined = Node("list", known.value.file, known.value.line, known.value.column, known.value.path,
                          items=[*known.value.items, *entry.value.items])
            merged.entries[key] = Entry(known.key, joined)
        else:
            findings.append(Finding("GW211", f"{key} of {entry.key.file} replaces the one here", known.key.place(),
                                    f"keep {key} in one of the files"))
            merged.entries[key] = entry
