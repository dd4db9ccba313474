"""What the demo scripts share: address and key of the gateway from the environment, two answers, errors with repairs.

``LITELLM_MASTER_KEY``, or ``LITELLM_MASTER_KEY_FILE`` with the path of a file that holds it, is the gateway's key.
``OPENAI_API_KEY`` is not used: it is the key of an upstream, and only the gateway should have it. ``GATEWAY_URL`` is
the gateway's base URL, by default http://127.0.0.1:4000/v1.
"""

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

try:
    import httpx
    import openai
except ImportError as missing:
    sys.exit(f"demo: {missing.name} is not installed; repair: {sys.executable} -m pip install openai")

DEFAULT_URL = "http://127.0.0.1:4000/v1"
KEY, KEY_FILE, URL = "LITELLM_MASTER_KEY", "LITELLM_MASTER_KEY_FILE", "GATEWAY_URL"
_START = "python3 demo/start.py"


class DemoError(Exception):
    """What went wrong and how to repair it, in one line; exit code 2 for the caller's input, 3 if unreachable."""

    def __init__(self, what: str, repair: str, exit_code: int = 1) -> None:
        super().__init__(f"{what}; repair: {repair}")
        self.exit_code = exit_code


def base_url(environ: Mapping[str, str]) -> str:
    """Return the gateway's base URL; ``/v1`` is added to an address without a path."""
    url = environ.get(URL, "").strip().rstrip("/") or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DemoError(f"{URL}={url!r} is no HTTP address", f"set {URL} to one like {DEFAULT_URL}", 2)
    return url if parts.path else f"{url}/v1"


def gateway_key(environ: Mapping[str, str]) -> str:
    """Return the gateway's key, from the environment or from the file that the environment names."""
    key, path = environ.get(KEY, "").strip(), environ.get(KEY_FILE, "").strip()
    if key and path:
        raise DemoError(f"{KEY} and {KEY_FILE} are both set", "unset one of them", 2)
    if path:
        key = _read(path)
    if not key:
        raise DemoError("no key for the gateway", f"set {KEY} to the key that the gateway was started with, or "
                        f"{KEY_FILE} to the key file that `{_START}` names", 2)
    if not (key.isascii() and key.isprintable()):
        raise DemoError("the gateway's key holds characters that no HTTP header can carry", f"set {KEY} again", 2)
    return key


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DemoError(f"{KEY_FILE}={path!r} cannot be read: {reason}", "name the gateway's key file", 2) from error


def converse(client: openai.OpenAI, model: str, prompt: str, options: Mapping[str, Any]) -> None:
    """Print a plain answer, then a streamed one as it arrives."""
    question: Any = {"model": model, "messages": [{"role": "user", "content": prompt}], **options}
    answer = client.chat.completions.create(**question)
    if not getattr(answer, "choices", None):
        raise ValueError("the reply is no chat completion")
    print(f"plain:    {answer.choices[0].message.content}")
    if answer.usage:
        print(f"          ({answer.usage.prompt_tokens} prompt + {answer.usage.completion_tokens} completion tokens)")
    print("streamed: ", end="", flush=True)
    for chunk in client.chat.completions.create(stream=True, **question):
        print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
    print()


def explained(error: Exception, client: openai.OpenAI, model: str) -> DemoError:
    """Return ``error`` as one line with its repair."""
    if isinstance(error, openai.APIConnectionError):
        reason = _one_line(error.__cause__ or error)
        repair = f"start a gateway with `{_START}`, or set {URL}"
        return DemoError(f"no answer from {client.base_url}: {reason}", repair, 3)
    if isinstance(error, openai.AuthenticationError):
        return DemoError("the gateway refuses this key (401)", f"set {KEY} to the key the gateway was started with")
    if isinstance(error, openai.BadRequestError | openai.NotFoundError):
        served = _served(client)
        if served and model not in served:
            return DemoError(f"the gateway has no model {model!r}", f"--model with one of: {', '.join(served)}", 2)
    if isinstance(error, openai.APIStatusError):
        return DemoError(f"the gateway answered {error.status_code}: {_one_line(error)}", "look at the gateway's log")
    return DemoError(f"the answer is broken: {_one_line(error)}", "try again, and look at the gateway's log")


def _served(client: openai.OpenAI) -> list[str]:
    """Return the gateway's models; nothing where it will not tell, since the first error matters more."""
    try:
        return [model.id for model in client.models.list()]
    except openai.OpenAIError as error:
        print(f"demo: the gateway does not list its models: {_one_line(error)}", file=sys.stderr)
        return []


def _one_line(error: BaseException) -> str:
    body = error.body if isinstance(error, openai.APIError) else None
    message = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(message or error).split())


def main(model: str, prompt: str, options: Mapping[str, Any], argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Ask as ``argv`` says, else the default ``model`` and ``prompt``; print the answers; return the exit code."""
    parser = argparse.ArgumentParser(description=f"Ask {model} through the gateway: one plain and one streamed answer.")
    parser.add_argument("prompt", nargs="?", default=prompt, help="what to ask (default: %(default)r)")
    parser.add_argument("--model", default=model, help="the alias to ask (default: %(default)s)")
    asked = parser.parse_args(argv)
    try:
        with openai.OpenAI(base_url=base_url(environ), api_key=gateway_key(environ), max_retries=0) as client:
            print(f"{asked.model} at {client.base_url}: {asked.prompt}")
            try:
                converse(client, asked.model, asked.prompt, options)
            except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
                raise explained(error, client, asked.model) from error
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def run(model: str, prompt: str, **options: Any) -> int:
    """Run a demo script with its default model and prompt; ``options`` go into the request. Return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character shows a question mark.
        sys.stdout.reconfigure(errors="replace")
    return main(model, prompt, options, sys.argv[1:], os.environ)
