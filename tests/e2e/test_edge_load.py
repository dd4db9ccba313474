"""Under load, with one worker and with two: one line for each request, and as many upstream calls as they tell of."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.gateway import Gateway, until
from tests.e2e.hooks_support import KEY, lines_of

MODELS = {"good": "deepseek-v3.2", "slow": "mock-429", "bad": "mock-500", "broken": "mock-break"}
QUESTION = [{"role": "user", "content": "hi"}]
# What one round of ten clients asks: path, model, streamed, with the right key; and the status that it gets.
ROUND = [
    ("/v1/chat/completions", "good", False, True, 200), ("/v1/chat/completions", "good", True, True, 200),
    ("/v1/messages", "good", True, True, 200), ("/v1/messages", "bad", False, True, 500),
    ("/v1/chat/completions", "slow", False, True, 429), ("/v1/chat/completions", "broken", True, True, 200),
    ("/v1/completions", "good", False, True, 200), ("/v1/chat/completions", "unknown", False, True, 404),
    ("/v1/chat/completions", "good", True, False, 401), ("/v1/messages", "good", False, True, 200),
]
ROUNDS = 20


@pytest.fixture(scope="module", params=[1, 2])
def gateway(request, upstream):
    environ = {"PROXY_MODEL_KEYS": ",".join(MODELS), "OPENAI_API_BASE": upstream.url, "CANARY_KEY": KEY}
    for key, name in MODELS.items():
        environ |= {f"MODEL_{key.upper()}_{field}": value for field, value in {
            "UPSTREAM_MODEL": name, "ALIAS": key, "API_KEY_ENV": "CANARY_KEY", "RETRIES": "0"}.items()}
    with Gateway(environ, workers=request.param) as running:
        yield running


def test_two_hundred_mixed_requests_have_two_hundred_lines(gateway, upstream):
    upstream.reset()

    def ask(case):
        path, model, stream, known, status = case
        sent = {"model": model, "stream": stream, "prompt": "hi"} if path == "/v1/completions" else {
            "model": model, "stream": stream, "messages": QUESTION, "max_tokens": 9}
        answer = client.post(path, json=sent, headers=gateway.headers if known else {"x-api-key": "wrong"})
        assert answer.status_code == status, answer.text
        return answer.headers["x-gateway-request-id"], (model if status != 404 and known else None, status)

    limits = httpx.Limits(max_connections=16)
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=60, limits=limits) as client:
        with ThreadPoolExecutor(16) as pool:
            asked = dict(pool.map(ask, ROUND * ROUNDS))
    assert len(asked) == len(ROUND) * ROUNDS
    lines = until(lambda: len(lines_of(gateway.stdout)) >= len(asked) and lines_of(gateway.stdout), "all lines", 20)
    assert {line["request_id"]: (line["alias"], line["status"]) for line in lines} == asked
    assert len(lines) == len(asked)
    told = Counter(MODELS[line["alias"]] for line in lines for _ in line["attempts"])
    assert told == Counter(request.model for request in upstream.requests)
    broken = [line for line in lines if line["alias"] == "broken"]
    assert all(line["error_type"] for line in broken) and len(broken) == ROUNDS
