"""Documents become text: the same bytes everywhere, and the same meaning for every YAML reader."""

import re
from collections.abc import Sequence
from typing import Any

# Anything else is quoted: other readers take 12e4, y or 0o7 for numbers and truth values, PyYAML takes them for text.
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/. -]*[A-Za-z0-9_/]")


def document(value: Any) -> str:
    """Return one YAML document: keys as given, long texts as blocks, whatever could be misread in quotes."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, data: str) -> Any:
        style = "|" if "\n" in data else None if _PLAIN.fullmatch(data) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False,
                         width=2**31 - 1))


def comment(lines: Sequence[str]) -> str:
    """Return ``lines`` as a YAML comment."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
