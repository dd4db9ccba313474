"""OpenAI's responses API: plain, as an event stream, and its token count."""

from collections.abc import Mapping
from typing import Any

from .answers import Answer, Json, Question, text_of
from .chat import first_number, last_said, required_tool
from .wire import Call, Event, Reply, encode, openai_error, sse

# Type of the event, its fields, whether it carries a piece of the answer.
_Part = tuple[str, Json, bool]
_ECHOED = ("instructions", "previous_response_id", "temperature", "top_p", "max_output_tokens", "reasoning", "user")


def usage(answer: Answer) -> Json:
    """Return token counts as the responses API reports them."""
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.total_tokens,
    }


class Responses:
    """POST responses."""

    def question(self, call: Call) -> Question:
        """Return what the input asks."""
        body = call.body
        given = body.get("input")
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        items = [item for item in items if isinstance(item, Mapping)]
        prompt = " ".join([text_of(body.get("instructions")), *(text_of(i.get("content")) for i in items)]).strip()
        form = (body.get("text") or {}).get("format") or {}
        return Question(
            model=call.model, said=last_said(items), prompt=prompt, limit=first_number(body, "max_output_tokens"),
            effort=str((body.get("reasoning") or {}).get("effort") or ""),
            schema=form.get("schema") or {} if form.get("type", "text") != "text" else None,
            tool=required_tool(body.get("tools"), body.get("tool_choice")))

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return a finished response."""
        done = "incomplete" if answer.finish == "length" else "completed"
        body = self._frame(call, done, [self._item(call, answer, answer.text, "completed")])
        if done == "incomplete":
            body["incomplete_details"] = {"reason": "max_output_tokens"}
        return body | ({"usage": usage(answer)} if answer.usage else {})

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the event stream, numbered from 0."""
        started = self._frame(call, "in_progress", [])
        empty = self._item(call, answer, "", "in_progress")
        finished = self.reply(call, answer)
        parts: list[_Part] = [
                 ("response.created", {"response": started}, False),
                 ("response.in_progress", {"response": started}, False),
                 ("response.output_item.added", {"output_index": 0, "item": empty}, False),
                 *(self._call_parts(answer, empty) if answer.tool else self._text_parts(answer, empty)),
                 ("response.output_item.done", {"output_index": 0, "item": finished["output"][0]}, False),
                 (f"response.{finished['status']}", {"response": finished}, False)]
        return [Event(sse({"type": kind, "sequence_number": n, **fields}, kind), delta)
                for n, (kind, fields, delta) in enumerate(parts)]

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the event that tells of an error within a stream."""
        error = openai_error(status, message, code)["error"]
        fields = {"code": error["code"] or error["type"], "message": message, "param": None, "sequence_number": 0}
        return Event(sse({"type": "error", **fields}, "error"))

    def _frame(self, call: Call, status: str, output: list[Json]) -> Json:
        body = call.body
        return {"id": call.id("resp_"), "object": "response", "created_at": call.created, "status": status,
                "model": call.model, "output": output, "error": None, "incomplete_details": None,
                "parallel_tool_calls": body.get("parallel_tool_calls", True), "tools": body.get("tools") or [],
                "tool_choice": body.get("tool_choice") or "auto", "metadata": body.get("metadata") or {},
                "text": body.get("text") or {"format": {"type": "text"}}, "truncation": "disabled", "usage": None,
                "store": body.get("store", True), **{name: body.get(name) for name in _ECHOED}}

    def _item(self, call: Call, answer: Answer, text: str, status: str) -> Json:
        if answer.tool:
            return {"type": "function_call", "id": call.id("fc_"), "call_id": call.id("call_"),
                    "name": answer.tool.name, "arguments": text, "status": status}
        content = [self._part(text)] if status == "completed" else []
        return {"type": "message", "id": call.id("msg_"), "role": "assistant", "status": status, "content": content}

    @staticmethod
    def _part(text: str) -> Json:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _text_parts(self, answer: Answer, item: Json) -> list[_Part]:
        where: dict[str, Any] = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        return [("response.content_part.added", {**where, "part": self._part("")}, False),
                *(("response.output_text.delta", {**where, "delta": p, "logprobs": []}, True) for p in answer.pieces),
                ("response.output_text.done", {**where, "text": answer.text, "logprobs": []}, False),
                ("response.content_part.done", {**where, "part": self._part(answer.text)}, False)]

    def _call_parts(self, answer: Answer, item: Json) -> list[_Part]:
        where: dict[str, Any] = {"item_id": item["id"], "output_index": 0}
        kind = "response.function_call_arguments"
        done = {**where, "name": item["name"], "arguments": answer.text}
        return [*((f"{kind}.delta", {**where, "delta": p}, True) for p in answer.pieces), (f"{kind}.done", done, False)]


def input_tokens(call: Call) -> Reply:
    """Return the number of tokens of the input (POST responses/input_tokens)."""
    question = Responses().question(call)
    count = call.fault.prompt_tokens
    counted = max(1, -(-len(question.prompt) // 4)) if count is None else count
    return Reply(encode({"object": "response.input_tokens", "input_tokens": counted}))
