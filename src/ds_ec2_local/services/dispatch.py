"""Brings requests to their services, each loaded when it is first asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from ds_ec2_local.services.calls import SIGNAL_PATH

if TYPE_CHECKING:
    from ds_ec2_local.services.functions import FunctionRunner

WARM: Final = ("ec2", "ssm", "iam", "sts", "s3")
"""Loaded in the background as soon as the server answers: the first call need not wait for all of it."""


class Dispatcher:
    """The WSGI application of all services.

    Args:
        runner: Runs Lambda functions.
        endpoint_url: Where CloudFormation reaches the others.
    """

    def __init__(self, runner: FunctionRunner, endpoint_url: str) -> None:
        self._runner = runner
        self._endpoint_url = endpoint_url
        self._engine: Any = None
        self._lock = threading.RLock()
        self._done: set[str] = set()
        self._moto = DomainDispatcherApplication(self._create)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer a request."""
        if environ.get("PATH_INFO", "").startswith(SIGNAL_PATH):
            return self._cloudformation()(environ, start_response)
        own = self._own_application(
            environ.get("ds_ec2_local.service", ""), environ.get("ds_ec2_local.action", "")
        )
        if own is not None:
            return own(environ, start_response)
        return self._moto(environ, start_response)

    def warm(self) -> None:
        """Load what nearly every caller needs."""
        for service in WARM:
            host = f"{service}.us-east-1.amazonaws.com"
            with self._moto.lock:
                backend = self._moto.get_backend_for_host(host)
                if backend not in self._moto.app_instances:
                    self._moto.app_instances[backend] = self._create(backend)
        self._cloudformation()

    def _create(self, service: Any) -> Any:
        """Return moto's application of one service, after ours was put over it."""
        if service is None:
            raise NotImplementedError("there is no such service")
        self.prepare(service)
        return create_backend_app(service)

    def _own_application(self, service: str, action: str) -> Any:
        """Return our application of a service or a call of which moto has none worth having, else None."""
        if action in {"SimulatePrincipalPolicy", "DecodeAuthorizationMessage"}:
            from ds_ec2_local.services import simulation

            return simulation.application
        if service == "servicequotas":
            from ds_ec2_local.services import quotas

            return quotas.application
        if service == "cloudformation":
            return self._cloudformation()
        if service == "pricing":
            from ds_ec2_local.services import pricing

            return pricing.application
        return None

    def _cloudformation(self) -> Any:
        """Return the CloudFormation engine; it and its schemas load in more than a second."""
        with self._lock:
            if self._engine is None:
                from ds_ec2_local.cloudformation import install

                self._engine = install(self._moto, self._endpoint_url)
            return self._engine

    def prepare(self, service: str) -> None:
        """Put ours over moto's before moto makes the first backend of a service."""
        with self._lock:
            if service in self._done:
                return
            self._done.add(service)
            if service in {"ec2", "autoscaling", "elbv2", "ssm"}:
                from moto.ec2.models import ec2_backends

                from ds_ec2_local.services.ec2.models import LocalEC2Backend

                ec2_backends.backend = LocalEC2Backend
            if service == "ssm":
                from moto.ssm.models import ssm_backends

                from ds_ec2_local.services.ssm.models import LocalSSMBackend

                ssm_backends.backend = LocalSSMBackend
            if service in {"lambda", "awslambda", "events"}:
                from ds_ec2_local.services import lambda_service

                lambda_service.install(self._runner)
            if service in {"s3", "s3bucket_path"}:
                from ds_ec2_local.services import bucket_policies

                bucket_policies.install()
