"""From a checked plan to a running proxy: take the port, say what will be served, hand over to `serving`."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..config.plan import LaunchPlan
from ..config.runtime import runtime_dir
from ..config.settings import Settings
from ..config.wildcards import is_wildcard
from ..errors import UsageProblem
from . import startup
from .document import Generation, launch_document
from .ports import take_port


@dataclass(frozen=True)
class Host:
    """What the launcher knows of the machine: original environment, package name, and how to run it again."""

    environ: Mapping[str, str]
    package: str
    version: str
    litellm: str
    renderer: tuple[str, ...]
    watch: tuple[str, ...] = ()
    callbacks: tuple[str, ...] = ()


def launch(plan: LaunchPlan, generation: Generation, host: Host) -> NoReturn:
    """Start the proxy; raises NotStarted where the port is taken. Does not return."""
    listener, order = prepare(plan, generation, host)
    if os.name == "posix":
        # From here to the parent's loop, which unblocks them, a signal would end this with the wrong exit code.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    for line in startup.startup_lines(_start(plan, generation, host, order["url"]), order["log_json"]):
        print(line, file=sys.stderr, flush=True)
    _hand_over(order, listener.detach(), host)


def spawn(plan: LaunchPlan, generation: Generation, host: Host, folder: Path, log: int) -> "subprocess.Popen[bytes]":
    """Start the proxy as a child in a session of its own; both its outputs go to the descriptor ``log``.

    The order, which holds secrets, lies in ``folder`` until the child has read it. Raises NotStarted.
    """
    listener, order = prepare(plan, generation, host)
    with listener:
        path = folder / "order.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({**order, "listener_fd": listener.fileno() if os.name == "posix" else None}, file)
        passed = (listener.fileno(),) if os.name == "posix" else ()
        if os.name != "posix":
            listener.close()
        return subprocess.Popen([*python_module(host.package, "serving"), "--order-file", str(path)],
                                env=with_package(host.environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                pass_fds=passed, start_new_session=True)


def prepare(plan: LaunchPlan, generation: Generation, host: Host) -> tuple[socket.socket, dict[str, Any]]:
    """Return the taken port and the order for the serving process; raises NotStarted where the port is taken."""
    settings = plan.settings
    address, port = str(settings.text("LITELLM_HOST")), settings.whole("PORT")
    _check_certificate(settings)
    listener = take_port(address, port)
    log_json = settings.text("GATEWAY_LOG_FORMAT") == "json"
    scheme = "https" if settings.text("GATEWAY_SSL_CERTFILE") else "http"
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, f"[{address}]" if ":" in address else address)
    url = f"{scheme}://{shown}:{port}"
    alias = next((model.alias for model in plan.models if model.mode == "chat" and not is_wildcard(model.alias)), None)
    order = _order(plan, host, log_json, url) | {
        "host": address, "port": port, "scheme": scheme, "url": url,
        "generation": launch_document(generation, host.package, (), host.callbacks),
        "ready_line": startup.ready_line(url, alias, plan.secrets["LITELLM_MASTER_KEY"], log_json,
                                         settings.text("GATEWAY_SSL_CERTFILE")),
    }
    return listener, order


def _start(plan: LaunchPlan, generation: Generation, host: Host, url: str) -> startup.Start:
    return startup.Start(host.version, host.litellm, generation.hash, url, plan.settings.whole("WORKERS"),
                         plan.database.masked if plan.database else "none", startup.rows_of(plan), plan.notes)


def _check_certificate(settings: Settings) -> None:
    """Refuse a TLS pair that no worker could serve with."""
    certificate, key = settings.text("GATEWAY_SSL_CERTFILE"), settings.text("GATEWAY_SSL_KEYFILE")
    if not certificate:
        return
    import ssl
    try:
        # Without a password function OpenSSL would ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no certificate and its key"
        raise UsageProblem(f"the TLS files {certificate} and {key} cannot be used: {reason}",
                           settings.origin("GATEWAY_SSL_CERTFILE"),
                           "name a PEM certificate and its PEM key without a password") from None


def _order(plan: LaunchPlan, host: Host, log_json: bool, url: str) -> dict[str, Any]:
    settings = plan.settings
    return {
        "version": 1, "workers": settings.whole("WORKERS"), "grace": settings.number("GATEWAY_GRACE"),
        "reload_grace": settings.number("GATEWAY_RELOAD_GRACE"), "keepalive": settings.number("GATEWAY_KEEPALIVE"),
        "boot_timeout": settings.number("GATEWAY_BOOT_TIMEOUT"),
        "send_timeout": settings.number("GATEWAY_SEND_TIMEOUT"),
        "ssl_certfile": settings.text("GATEWAY_SSL_CERTFILE"), "ssl_keyfile": settings.text("GATEWAY_SSL_KEYFILE"),
        "runtime_dir": str(runtime_dir(_runtime_values(plan, host), settings.whole("PORT")).absolute()),
        "log_json": log_json, "debug": settings.flag("GATEWAY_DEBUG"), "watch": list(host.watch),
        "renderer": list(host.renderer), "gateway_version": host.version,
    }


def _runtime_values(plan: LaunchPlan, host: Host) -> dict[str, str]:
    own = plan.settings.text("GATEWAY_RUNTIME_DIR")
    return {**host.environ, **({"GATEWAY_RUNTIME_DIR": own} if own else {})}


def _hand_over(order: dict[str, Any], listener: int, host: Host) -> NoReturn:
    """Replace this process by the serving one; the order travels in an unlinked file, never in argv or environment."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the descriptor outlives this function)
    file.write(json.dumps({**order, "listener_fd": listener}).encode())
    file.seek(0)
    command = [*python_module(host.package, "serving"), "--order-fd", str(file.fileno())]
    environ = with_package(host.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        for descriptor in (listener, file.fileno()):
            os.set_inheritable(descriptor, True)
        os.execve(command[0], command, environ)
    _spawn(order, listener, command[:-2], environ)


def _spawn(order: dict[str, Any], listener: int, command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Windows has no exec that keeps descriptors: pass the order in a private file and wait."""
    os.close(listener)
    with tempfile.TemporaryDirectory(prefix="litellm-gateway-") as folder:
        path = Path(folder, "order.json")
        path.write_text(json.dumps({**order, "listener_fd": None}), encoding="utf-8")
        sys.exit(subprocess.run([*command, "--order-file", str(path)], env=dict(environ), check=False).returncode)


def python_module(package: str, name: str) -> list[str]:
    """Return the command that runs a module of this package with this interpreter."""
    return [sys.executable, "-m", f"{package}.{name}"]


def with_package(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the original environment, with the checkout on PYTHONPATH where the package is not installed."""
    root = str(Path(__file__).resolve().parents[2])
    if root in sys.path and "site-packages" not in root and "dist-packages" not in root:
        return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))}
    return dict(environ)
