"""Uploads (audio, images): every part is read strictly and written anew, so that LiteLLM sees only what was checked."""

import os
import re
from dataclasses import dataclass

from .errors_out import Refusal

MOST_PARTS = 64
_BOUNDARY = re.compile(rb'^multipart/form-data\s*;\s*boundary="?([A-Za-z0-9\'()+_,./:=? -]{1,70})"?\s*$', re.I)
_DISPOSITION = re.compile(
    rb'^form-data; *name="((?:[^"\r\n\\]|\\.)*)"(?:; *filename="((?:[^"\r\n\\]|\\.)*)")?(?:; *filename\*=[^;"\r\n]*)?$',
    re.I)
_TYPE = re.compile(rb"^[A-Za-z0-9!#$&^_.+/;=\" -]{1,200}$")


@dataclass(slots=True)
class Part:
    """One field of a form; ``filename`` is None for plain fields."""

    name: str
    value: bytes
    filename: bytes | None = None
    content_type: bytes | None = None

    def head(self) -> bytes:
        """Return the part's header lines."""
        line = b'Content-Disposition: form-data; name="' + self.name.encode() + b'"'
        if self.filename is not None:
            line += b'; filename="' + self.filename + b'"'
        return line + (b"\r\nContent-Type: " + self.content_type if self.content_type else b"")


def _broken(why: str) -> Refusal:
    return Refusal(400, f"The multipart form is not valid: {why}.", "invalid_form")


def read_form(content_type: bytes, body: bytes) -> list[Part]:
    """Return the parts of a ``multipart/form-data`` body; raises `Refusal` (400) unless it is written by the book."""
    found = _BOUNDARY.match(content_type.strip())
    if not found:
        raise _broken("send multipart/form-data with a boundary")
    mark = b"--" + found[1].rstrip()
    head, *rest = (b"\r\n" + body).split(b"\r\n" + mark)
    if head or not rest or not rest[-1].startswith(b"--"):
        raise _broken("a boundary is missing")
    if len(rest) > MOST_PARTS + 1:
        raise _broken(f"more than {MOST_PARTS} fields")
    return [_part(piece) for piece in rest[:-1]]


def _part(piece: bytes) -> Part:
    head, gap, value = piece.lstrip(b" \t").partition(b"\r\n\r\n")
    if not gap or not head.startswith(b"\r\n"):
        raise _broken("a field has no header")
    headers = dict(_header(line) for line in head[2:].split(b"\r\n"))
    found = _DISPOSITION.match(headers.get(b"content-disposition", b""))
    kind = headers.get(b"content-type")
    if not found or (kind is not None and not _TYPE.match(kind)):
        raise _broken("a field's header is not understood")
    if headers.get(b"content-transfer-encoding", b"binary").lower() not in (b"binary", b"8bit", b"7bit"):
        raise _broken("transfer encodings are not supported")
    try:
        return Part(found[1].decode(), value, found[2], kind)
    except UnicodeDecodeError:
        raise _broken("a field's name is not UTF-8") from None


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip()


def write_form(parts: list[Part]) -> tuple[bytes, bytes]:
    """Return the content type and body of a form with these parts, behind a boundary that nobody could guess."""
    mark = b"gateway-" + os.urandom(16).hex().encode()
    pieces: list[bytes] = []
    for part in parts:
        pieces += [b"--", mark, b"\r\n", part.head(), b"\r\n\r\n", part.value, b"\r\n"]
    return b"multipart/form-data; boundary=" + mark, b"".join([*pieces, b"--", mark, b"--\r\n"])
