"""What the launcher orders is what the serving process understands: a name that one of them lacks has no effect."""

import dataclasses
import json
import socket

from src.config.environment import Environment, parse_dotenv
from src.config.plan import Sources, build_plan
from src.launch.document import generate
from src.launch.start import Host, prepare
from src.serving.order import Order, parse_order

from .declaring import two

DECLARED = {"GATEWAY_GRACE": "1.5", "GATEWAY_RELOAD_GRACE": "2.5", "GATEWAY_KEEPALIVE": "3.5",
            "GATEWAY_BOOT_TIMEOUT": "4.5", "GATEWAY_SEND_TIMEOUT": "6", "WORKERS": "3", "GATEWAY_DEBUG": "yes",
            "GATEWAY_LOG_FORMAT": "json", "GATEWAY_RUNTIME_DIR": "/nowhere"}
EXPECTED = {"grace": 1.5, "reload_grace": 2.5, "keepalive": 3.5, "boot_timeout": 4.5, "send_timeout": 6, "workers": 3,
            "debug": True, "log_json": True, "host": "127.0.0.1", "scheme": "http", "renderer": ("again",),
            "watch": ("/a/.env",)}
# The launcher gives the one when it hands over; the other is no setting.
NOT_ORDERED = {"listener_fd", "beat_timeout"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_every_declared_limit_reaches_the_serving_process() -> None:
    port = free_port()
    environment = Environment(two({**DECLARED, "PORT": str(port)}), parse_dotenv(b""))
    plan = build_plan(Sources(environment)).checked()
    host = Host({}, "src", "0.1.0", "1.106.2", ("again",), ("/a/.env",))
    listener, sent = prepare(plan, generate(plan, environment), host)
    with listener:
        assert listener.getsockname() == ("127.0.0.1", port)
    order = parse_order(json.dumps(sent))
    assert {name: getattr(order, name) for name in EXPECTED} == EXPECTED
    assert (order.port, order.runtime_dir) == (port, f"/nowhere/{port}")
    assert {field.name for field in dataclasses.fields(Order)} - set(sent) == NOT_ORDERED
