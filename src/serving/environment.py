"""The only place of the serving process that touches ``os.environ``: what the import of LiteLLM and the workers see."""

import contextlib
import os
from collections.abc import Iterator, Mapping

# Names that were read while recording; `os.environ` is one object per process, so this is too.
_read: set[str] = set()
# Names that whoever copies or walks the whole environment will look up next, the first one last.
_walked: list[str] = []


class _Recording(os._Environ[str]):
    def __getitem__(self, key: str) -> str:
        if _walked and _walked[-1] == key:
            _walked.pop()
        else:
            _read.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        names = list(super().__iter__())
        _walked[:] = names[::-1]
        return iter(names)


def start_environment() -> dict[str, str]:
    """Return the environment this process was started with; to be asked before anything changes it."""
    return dict(os.environ)


def replace(environ: Mapping[str, str]) -> None:
    """Make ``environ`` the whole environment of this process."""
    os.environ.clear()
    os.environ.update(environ)


@contextlib.contextmanager
def recorded() -> Iterator[set[str]]:
    """Collect the names that are looked up in ``os.environ`` meanwhile, found or not; copying it all looks up none."""
    _read.clear()
    plain = type(os.environ)
    os.environ.__class__ = _Recording
    try:
        yield _read
    finally:
        os.environ.__class__ = plain


def changed_since(before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have been set since the environment was ``before``."""
    return {name: value for name, value in os.environ.items() if before.get(name) != value}
