"""`python -m <package>.serving.params_tool PROVIDER/MODEL` prints what LiteLLM does with each parameter, as JSON."""

import json
import sys

from ..hooks.callback_explain import explain


def main() -> int:
    """Explain the model that the command line names; 2 where LiteLLM does not serve its provider."""
    try:
        print(json.dumps(explain(sys.argv[1])))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
