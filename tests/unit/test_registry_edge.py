"""Endpoints and prompts at the edge: seen by LiteLLM as an ordinary request, steering nothing, told in the record."""

import json
from dataclasses import replace
from typing import Any

import pytest

from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.record import RequestRecord

from .guard_support import World

ROWS: dict[str, Any] = {
    "digest": "", "tools": [],
    "endpoints": [{"slug": "summary", "target": "gpt-5", "path": "/chat/completions", "max_tokens": 8},
                  {"slug": "hear", "target": "gpt-5", "path": "/audio/transcriptions"},
                  {"slug": "lost", "target": "gone", "path": "/chat/completions"}],
    "prompts": [{"slug": "p", "version": 4, "endpoint": "summary", "system_prompt": "S {{x}}", "user_template": None,
                 "active": True, "share": None}],
    "flags": [{"name": "enable_reasoning", "enabled": False, "tier": None, "endpoint": None, "environment": None}],
}


class Registered(World):
    """A guard whose plan has rows."""

    def __init__(self) -> None:
        super().__init__()
        self.runtime = replace(self.runtime, plan=replace(self.runtime.plan, raw={"registry": ROWS}))
        self.guard = Guard(self._inner, Edge.of(self.runtime), self._metrics)

    @property
    def record(self) -> RequestRecord:
        """Return the record of the only request."""
        (record,) = self.records
        return record

    def sent(self) -> Any:
        """Return the body that reached LiteLLM."""
        return json.loads(self.seen[-1].body)


@pytest.fixture
def world() -> Registered:
    return Registered()


def test_litellm_sees_an_ordinary_request(world: Registered) -> None:
    assert world.ask(body={"model": "summary", "prompt_variables": {"x": "1"}}).status == 200
    assert world.sent() == {"model": "gpt-5", "max_tokens": 8, "messages": [{"role": "system", "content": "S 1"}]}
    assert (world.record.asked, world.record.alias) == ("summary", "gpt-5")
    assert {name: world.record.extra[name] for name in ("endpoint", "template", "template_version")} == {
        "endpoint": "summary", "template": "p", "template_version": 4}


def test_a_body_that_nothing_applies_to_passes_byte_for_byte(world: Registered) -> None:
    body = b'{"model":"gpt-5",  "messages":[]}'
    world.ask(body=body)
    assert world.seen[-1].body == body


@pytest.mark.parametrize("body, status, code", [
    ({"model": "summary"}, 400, "invalid_prompt"),
    ({"model": "gpt-5", "prompt_id": "q"}, 404, "prompt_not_found"),
    ({"model": "lost"}, 404, "model_not_found"),
    ({"model": "gpt-5", "reasoning_effort": "low"}, 403, "feature_disabled"),
    ({"model": "gpt-5", "extra_body": {"reasoning_effort": "low"}}, 403, "feature_disabled"),
    ({"model": "gpt-5", "reasoning": {"effort": "low"}}, 403, "feature_disabled"),
])
def test_refusals_are_ours_and_told_in_the_record(body: dict[str, Any], status: int, code: str,
                                                  world: Registered) -> None:
    answer = world.ask(body=body)
    assert (answer.status, answer.json()["error"]["code"], world.record.error_type) == (status, code, code)
    assert world.seen == [] and world.record.asked == body["model"]


def test_refusals_have_the_routes_own_shape(world: Registered) -> None:
    answer = world.ask(path="/v1/messages", body={"model": "gpt-5", "thinking": {"type": "enabled"}})
    assert answer.status == 403
    assert answer.json()["error"] == {"type": "permission_error",
                                      "message": "Reasoning effort is switched off here (flag enable_reasoning)."}


def test_an_endpoint_may_be_asked_for_in_a_form(world: Registered) -> None:
    boundary = "b0undary"
    form = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
                   for name, more, value in (("model", "", "hear"), ("file", '; filename="a.wav"', "RIFF")))
    answer = world.ask(path="/v1/audio/transcriptions", body=(form + f"--{boundary}--\r\n").encode(),
                       headers={"authorization": f"Bearer {world.runtime.master_key}",
                                "content-type": f"multipart/form-data; boundary={boundary}"})
    assert answer.status == 200
    assert b"gpt-5" in world.seen[-1].body and b"hear" not in world.seen[-1].body
    assert (world.record.asked, world.record.alias) == ("hear", "gpt-5")


def test_one_endpoint_is_found_like_a_model(world: Registered) -> None:
    assert world.ask("GET", "/v1/models/summary").json()["id"] == "summary"
    assert world.ask("GET", "/v1/models/lost").status == 404
