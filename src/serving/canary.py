"""Whether a booted LiteLLM really serves what it was given: it drops what it does not understand, silently (1.106)."""

from typing import Any

import httpx


class NotServed(Exception):
    """The booted app does not list what its configuration declares."""


async def check(app: Any, master_key: str | None, wanted: frozenset[str]) -> None:
    """Ask ``app`` itself for its models, without a socket; raise ``NotServed`` where ``wanted`` aliases are missing."""
    headers = {"authorization": f"Bearer {master_key}"} if master_key else {}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://canary", timeout=30.0) as client:
        answer = await client.get("/v1/models", headers=headers)
    if answer.status_code != httpx.codes.OK:
        raise NotServed(f"/v1/models answered {answer.status_code} to the master key: {answer.text[:300]}")
    listed = {model["id"] for model in answer.json()["data"]}
    if missing := sorted(wanted - listed):
        raise NotServed(f"LiteLLM booted without these aliases: {', '.join(missing)}")
