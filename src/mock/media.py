"""The APIs that answer with something else than text: vectors, pictures, sound, ranks, verdicts, lists."""

import base64
import hashlib
import struct
from collections.abc import Callable

from .answers import Json, text_of, tokens
from .responses import input_tokens
from .wire import Call, Refused, Reply, encode

DIMENSIONS = 8
# The smallest PNG: one grey pixel.
_PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")
# One silent frame of MPEG audio: 128 kbit/s at 44.1 kHz are 417 bytes.
_MP3 = b"\xff\xfb\x90\x00" + bytes(413)
# Eight samples of silence: one channel of 8 bits at 8 kHz.
_WAV = (struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 44, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
        + struct.pack("<4sI8s", b"data", 8, b"\x80" * 8))
_VERDICTS = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
             "self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence",
             "violence/graphic")


def embeddings(call: Call) -> Reply:
    """Return one vector per input, as floats or base64 as asked; equal texts have equal vectors."""
    inputs = _inputs(call.body.get("input"))
    size = int(call.body.get("dimensions") or DIMENSIONS)
    form = _packed if call.body.get("encoding_format") == "base64" else list[float]
    vectors = [form(_vector(text, size)) for text in inputs]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    count = call.fault.prompt_tokens
    count = max(1, sum(map(tokens, inputs))) if count is None else count
    usage = {"usage": {"prompt_tokens": count, "total_tokens": count}} if call.fault.usage else {}
    return Reply(encode({"object": "list", "data": data, "model": call.model, **usage}))


def _inputs(given: object) -> list[str]:
    """Return the texts to embed; lists of token numbers count as their digits."""
    if given is None or given == []:
        raise Refused(400, "Missing required parameter: 'input'.", "missing_required_parameter", "input")
    if not isinstance(given, list) or isinstance(given[0], int):
        return [str(given)]
    return [str(item) for item in given]


def _vector(text: str, size: int) -> list[float]:
    """Return ``size`` numbers between -1 and 1 that are exact in 32 bits."""
    digest = hashlib.sha256(text.encode(errors="replace")).digest()
    return [(digest[i % len(digest)] - 128) / 128 for i in range(size)]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def images(call: Call) -> Reply:
    """Return ``n`` pictures of one pixel, as base64 or as ``data:`` URLs."""
    as_url = call.body.get("response_format") == "url"
    picture = {"url": f"data:image/png;base64,{_PNG}"} if as_url else {"b64_json": _PNG}
    body: Json = {"created": call.created, "data": [picture] * int(call.body.get("n") or 1)}
    asked = tokens(text_of(call.body.get("prompt")))
    if call.fault.usage:
        body["usage"] = {"input_tokens": asked, "output_tokens": 16, "total_tokens": asked + 16,
                         "input_tokens_details": {"text_tokens": asked, "image_tokens": 0}}
    return Reply(encode(body))


def speech(call: Call) -> Reply:
    """Return a moment of silence."""
    if call.body.get("response_format") == "wav":
        return Reply(_WAV, "audio/wav")
    return Reply(_MP3, "audio/mpeg")


def transcription(call: Call) -> Reply:
    """Return the name and size of the file that was sent, as the text heard in it."""
    text = f"Mock transcription of {call.body.get('file')}."
    form = call.body.get("response_format")
    if form == "text":
        return Reply(text.encode() + b"\n", "text/plain")
    body: Json = {"text": text, "usage": {"type": "duration", "seconds": 1}}
    if form == "verbose_json":
        body |= {"task": "transcribe", "language": "english", "duration": 1.0, "segments": []}
    return Reply(encode(body))


def moderations(call: Call) -> Reply:
    """Return that nothing is wrong with the input."""
    verdict = {"flagged": False, "categories": dict.fromkeys(_VERDICTS, False),
               "category_scores": dict.fromkeys(_VERDICTS, 0.0),
               "category_applied_input_types": {name: ["text"] for name in _VERDICTS}}
    results = [verdict] * len(_inputs(call.body.get("input")))
    return Reply(encode({"id": call.id("modr-"), "model": call.model, "results": results}))


def rerank(call: Call) -> Reply:
    """Return the documents by how many words they share with the query, in the shape of Cohere and Jina."""
    words = set(text_of(call.body.get("query")).lower().split())
    texts = [text_of([d]) for d in call.body.get("documents") or []]
    scores = [len(words & set(text.lower().split())) / max(1, len(words)) for text in texts]
    ranked = sorted(range(len(texts)), key=lambda n: (-scores[n], n))[:call.body.get("top_n") or None]
    count = tokens(" ".join([*words, *texts]))
    return Reply(encode({
        "id": call.id("rerank-"), "model": call.model, "usage": {"total_tokens": count},
        "meta": {"billed_units": {"search_units": 1, "total_tokens": count}},
        "results": [{"index": n, "relevance_score": scores[n], "document": {"text": texts[n]}} for n in ranked]}))


WHOLE: dict[str, Callable[[Call], Reply]] = {
    "embeddings": embeddings, "images/generations": images, "audio/speech": speech, "moderations": moderations,
    "audio/transcriptions": transcription, "audio/translations": transcription, "rerank": rerank,
    "responses/input_tokens": input_tokens,
}
