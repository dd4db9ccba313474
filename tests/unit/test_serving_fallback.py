"""What LiteLLM's own command line is told where nothing can be forked."""

from pathlib import Path

import pytest

from src.serving.fallback import arguments
from src.serving.generation import prepare
from src.serving.order import Document, Order

DOCUMENT = Document("0123456789ab", "model_list: []\n", {}, {})
PLAIN = ["--host", "127.0.0.1", "--port", "4000", "--keepalive_timeout", "20", "--num_workers", "1"]
TLS = ["--host", "::", "--port", "443", "--ssl_certfile_path", "c.pem", "--ssl_keyfile_path", "k.pem",
       "--keepalive_timeout", "75", "--num_workers", "1"]


@pytest.mark.parametrize(("order", "words"), [
    (Order(DOCUMENT, "/nowhere", workers=4), PLAIN),
    (Order(DOCUMENT, "/nowhere", "::", 443, keepalive=75.0, ssl_certfile="c.pem", ssl_keyfile="k.pem"), TLS),
])
def test_address_certificate_and_keep_alive_are_the_declared_ones(
    tmp_path: Path, order: Order, words: list[str]
) -> None:
    generation = prepare(1, DOCUMENT, {}, tmp_path)
    assert arguments(order, generation) == ["--config", str(tmp_path / "gen-1" / "config.yaml"), *words]
