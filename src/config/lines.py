"""How our own log lines look: one line of text for people, or one JSON object for machines."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

# C0, DEL, C1, and the separators that terminals and log viewers treat as line ends.
_UNSAFE = {c: f"\\x{c:02x}" for c in (*range(0x20), *range(0x7F, 0xA0))} | {0x2028: "\\u2028", 0x2029: "\\u2029"}


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped, so that one value cannot forge a second line."""
    return text.translate(_UNSAFE)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first of ``names`` for one line, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def event_line(event: str, text: str, fields: Mapping[str, object] | None = None, as_json: bool = False) -> str:
    """Return one log line without its newline.

    ``event`` is a stable word for machines, ``text`` the sentence for people; ``fields`` only appear in JSON.
    """
    if not as_json:
        return printable(text)
    return json.dumps({"time": _now(), "event": event, "message": text, **(fields or {})}, default=str)


def restamped(line: str) -> str:
    """Return a JSON line that was made earlier, as if it were made now."""
    return json.dumps({**json.loads(line), "time": _now()})


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
