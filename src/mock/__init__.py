"""The one mock upstream: an OpenAI-compatible, Anthropic and Gemini server for the demo, the tests and the rehearsal.

In a test::

    from src.mock.server import Fault, MockUpstream

    with MockUpstream() as upstream:                    # own thread, own port; upstream.url ends in /v1
        upstream.faults["gpt-5"] = Fault(status=429, retry_after=30, times=1)
        ...                                             # call upstream.url, or a gateway that points at it
        assert [r.model for r in upstream.requests] == ["gpt-5", "gpt-5"]
        upstream.wait(lambda seen: seen[-1].client_gone)

As a process: ``python -m src.mock --port 0 --port-file FILE`` prints one line with its URL when it is ready.

Served below a prefix that is empty or ends in ``/v1`` (also ``/v1beta``, ``/v4``, ``/openai``, and Azure's
``/openai/deployments/M``): ``chat/completions``, ``completions``, ``responses``, Anthropic's ``messages``, Ollama's
``api/chat`` and ``api/generate`` (all of these also streamed), ``responses/input_tokens``, ``embeddings``,
``images/generations``, ``audio/speech``, ``audio/transcriptions``, ``audio/translations``, ``moderations``, ``rerank``,
``models``; below any prefix Gemini's ``models/M:generateContent`` and ``models/M:streamGenerateContent``. Everything
else is a recorded 404. Answers depend on the request alone; one token is four characters.

A fault is looked up by the beginning of the path where a fault's name starts with ``/``, else by model (by operation
where a request names none: ``models``), else by the model's name as in this table (what follows its last ``/`` counts),
else under ``*``:

======================  ====================================================================================
model name              what it does
======================  ====================================================================================
``mock-400`` .. 599     answers with that status and OpenAI's error shape; ``mock-429`` adds Retry-After 1
``mock-context``        400 ``context_length_exceeded``
``mock-quota``          429 ``insufficient_quota``
``mock-echo-key``       401 whose message repeats the key it was sent
``mock-flaky``          500 for the first request, answers from then on
``mock-slow``           waits 2 s before the first byte, then 0.2 s between chunks
``mock-spaced``         10 chunks, 0.2 s apart
``mock-hang``           never answers
``mock-reset``          resets the connection before the headers
``mock-reset-later``    resets it after 2 chunks (a plain answer: after half the body)
``mock-break``          error event after 2 chunks (plain: 500)
``mock-break-first``    error event instead of the first chunk (plain: 500)
``mock-stall``          silent after 2 chunks (plain: after half the body)
``mock-cut``            ends after 2 chunks without ``[DONE]`` (plain: truncated JSON)
``mock-html``           an HTML page with 200; ``mock-html-502`` with 502
``mock-empty``          200 with an empty body
``mock-text``           the right answer labelled ``text/plain``
``mock-no-usage``       answers without any usage
======================  ====================================================================================

Fields of `Fault` (all optional; JSON over HTTP has the same names):

=====================================  =====================================================================
field                                  meaning
=====================================  =====================================================================
``status, message, code``              an error with this status; text and code of the error
``body, content_type, headers``        sent instead of the usual body (text as it is, else JSON); label; extras
``retry_after``                        seconds, or a date as text
``delay``                              seconds before the first byte
``hang``                               true: never answer
``chunks, gap``                        how many content chunks; seconds between them
``breaks, after``                      ``reset``, ``error``, ``stall`` or ``cut`` after so many chunks
``times, then``                        only for the first N requests; the fault that follows (default: none)
``echo_key, require_key, refuses``     repeat the key in errors; 401 for any other key; 400 for these fields
``reply, usage``                       the answer's text; false: no usage
``prompt_tokens, completion_tokens,
reasoning_tokens, cached_tokens``      counts reported instead of the computed ones
=====================================  =====================================================================

Over HTTP: ``GET|DELETE /_mock/requests`` (``?model=M``), ``GET /_mock/counts``, ``GET|DELETE /_mock/faults``,
``PUT|DELETE /_mock/faults/M``, ``GET|PUT /_mock/models``. Records hold the keys that clients sent: stay on loopback.
"""
