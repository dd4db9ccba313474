"""What all tests share: names that are the same in every process of a run."""

import re
import signal
import sys

from tests.unmeasured.sitecustomize import Unmeasured

sys.meta_path.insert(0, Unmeasured())  # tests import LiteLLM too
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # So it is for what a script starts with `&`, and for the children of that: no Ctrl-C would reach any of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
_RANDOM = re.compile(r"[0-9a-f]{24,}")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep canaries, which are new in every process, out of test names: xdist compares these between its workers."""
    return _RANDOM.sub("random", val) if isinstance(val, str) and _RANDOM.search(val) else None
