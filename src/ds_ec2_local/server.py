"""Puts the parts together into one process, and takes them apart again."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.gate import Gate
from ds_ec2_local.local_api import LocalApi
from ds_ec2_local.services import credentials
from ds_ec2_local.services import parts as shared
from ds_ec2_local.services.agents import Agents
from ds_ec2_local.services.ec2.spot_market import SpotMarket
from ds_ec2_local.services.events import EventRouter, instance_event
from ds_ec2_local.services.faults import Faults
from ds_ec2_local.services.functions import FunctionRunner
from ds_ec2_local.services.machines import Machines
from ds_ec2_local.services.records import RecordedSandboxes
from ds_ec2_local.services.request_log import RequestLog
from ds_ec2_local.services.volumes import VolumeStore
from ds_ec2_local.session_manager.gateway import Gateway
from ds_ec2_local.session_manager.registry import SessionRegistry
from ds_ec2_local.state import LOG_FILE, StateDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.serving import BaseWSGIServer

    from ds_ec2_local.instances.sandbox import InstanceSpec

_HOST: Final = "127.0.0.1"
_ENVIRONMENT: Final = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",  # no web page may call
    "AWS_DEFAULT_REGION": shared.DEFAULT_REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Read by moto and botocore when they load."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve.

    Args:
        state: The server's directory.
        port: 0 for any free one.
        clock_scale: Seconds of schedules and of the agent's naps that pass in one second.
        records_only: Whether instances are records, without sandboxes.
        boot_image: The folder of a root file system from which instances boot; none: they are sandboxes.
    """

    state: Path
    port: int = 0
    clock_scale: float = 1.0
    records_only: bool = False
    boot_image: Path | None = None


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; then end all instances.

    Raises:
        StateInUseError: Another server runs on the same directory.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        state = StateDirectory(options.state)
        stack.callback(state.close)
        running = _compose(options, state, stack)
        state.announce(running)
        stop.wait()


def _compose(options: Options, state: StateDirectory, stack: contextlib.ExitStack) -> dict[str, Any]:
    """Start everything; what is started is ended by `stack`. Returns what endpoint.json says."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):
        os.environ.pop(name, None)
    began = time.time()
    log = RequestLog(state.path / LOG_FILE)
    stack.callback(log.close)
    faults = Faults()
    later = _Later()
    server = _listen(options.port, later)
    stack.callback(server.server_close)
    url = f"http://{_HOST}:{server.server_port}"

    runner = FunctionRunner(state.path, url)
    stack.callback(runner.close)
    events = EventRouter(_invoke, options.clock_scale)
    stack.callback(events.close)
    sandboxes, make_spec, isolation = _sandboxes(options, state, url, later.tell_ended)
    volumes = VolumeStore(state.path, disks=options.boot_image is not None)
    machines = Machines(sandboxes, make_spec, volumes, Agents(faults, options.clock_scale))
    machines.on_change = lambda instance: _announce(parts, instance)
    later.ended = machines.ended
    stack.callback(machines.close)
    market = SpotMarket(faults, machines, options.clock_scale)
    stack.callback(market.close)
    parts = shared.Parts(
        state=state.path,
        endpoint_url=url,
        faults=faults,
        machines=machines,
        events=events,
        clock_scale=options.clock_scale,
    )
    shared.install(parts)
    parts.sessions = SessionRegistry(machines.connected, sandboxes.guest_socket)

    endpoint: dict[str, Any] = {
        "endpoint_url": url,
        "pid": os.getpid(),
        "gateway_port": _gateway(parts.sessions, faults, stack),
        "isolation": isolation,
        "started_at": datetime.fromtimestamp(began, UTC).isoformat(),
    }
    from ds_ec2_local.services.dispatch import Dispatcher

    dispatcher = Dispatcher(runner, url)
    later.application = Gate(dispatcher, LocalApi(lambda: endpoint, log), faults, log)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    stack.callback(server.shutdown)
    threading.Thread(target=dispatcher.warm, name="warm", daemon=True).start()
    events.start()
    market.start()
    return endpoint


def _gateway(registry: SessionRegistry, faults: Faults, stack: contextlib.ExitStack) -> int:
    """Open Session Manager's websocket side; return its port."""
    gateway = Gateway(
        registry,
        secret_of=credentials.secret_of,
        drops=lambda: bool(faults.take("drop_tunnel")),
    )
    port = gateway.start()
    stack.callback(gateway.close)
    return port


class _Later:
    """What must have an address before it is made."""

    def __init__(self) -> None:
        self.application: Any = None
        self.ended: Callable[[str, str], None] = lambda _id, _how: None

    def tell_ended(self, instance_id: str, how: str) -> None:
        """Hand on that an instance ended by itself."""
        self.ended(instance_id, how)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


def _listen(port: int, application: Any) -> BaseWSGIServer:
    """Return a server that listens on loopback alone."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
        def log_request(self, *_: Any) -> None:
            """Stay silent: the gate logs."""

    return make_server(_HOST, port, application, threaded=True, request_handler=Handler)


def _sandboxes(
    options: Options, state: StateDirectory, url: str, ended: Callable[[str, str], None]
) -> tuple[Any, Callable[..., Any], str]:
    """Return what instances run in, what makes their specification, and how they are kept apart."""
    from ds_ec2_local.instances import orphans

    orphans.kill(state.path / "instances")
    state.clean()
    if options.records_only:
        return RecordedSandboxes(), SimpleNamespace, "records"
    from ds_ec2_local.instances.sandbox import InstanceSpec, Sandboxes

    sandboxes = Sandboxes(state.path, url, _credentials, ended, boot_image=options.boot_image)
    return sandboxes, InstanceSpec, sandboxes.isolation


def _credentials(spec: InstanceSpec) -> dict[str, str]:
    """Return fresh keys of an instance's role, as its metadata service tells them."""
    keys = credentials.for_role(spec.role or "", spec.instance_id)
    return {
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "Token": keys.token,
        "Expiration": keys.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _announce(parts: shared.Parts, instance: Any) -> None:
    """Tell an instance's new state to its spot request and to EventBridge; its sessions go with it."""
    from ds_ec2_local.services.ec2 import spot

    spot.follow(instance)
    parts.events.emit(instance_event(instance))
    if instance.state in {"stopping", "shutting-down"}:
        parts.sessions.end_target(instance.id)


def _invoke(region: str, arn: str, event: dict[str, Any]) -> None:
    from ds_ec2_local.services import lambda_service

    lambda_service.invoke(region, arn, event)
