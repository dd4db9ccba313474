"""The processes that import LiteLLM; none of them begins with a release that is known to be malicious."""

import sys

from ..config import versions
from ..errors import UsageProblem

try:
    versions.refuse(versions.installed())
except UsageProblem as problem:
    print(problem.text(), file=sys.stderr)
    raise SystemExit(problem.exit_code) from None
