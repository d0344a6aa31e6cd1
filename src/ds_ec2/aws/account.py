"""One account in one region: every AWS service, made when it is first used."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from ds_ec2 import __version__
from ds_ec2.aws.errors import translated
from ds_ec2.aws.refusals import decoder
from ds_ec2.aws.regions import check_region
from ds_ec2.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.session import Session

    from ds_ec2.aws.capacity import Capacity
    from ds_ec2.aws.cloudformation import Stacks
    from ds_ec2.aws.ec2 import Ec2
    from ds_ec2.aws.iam import Policies
    from ds_ec2.aws.images import Images
    from ds_ec2.aws.instance_types import InstanceTypes
    from ds_ec2.aws.pricing import PriceLists
    from ds_ec2.aws.quotas import Quotas
    from ds_ec2.aws.s3 import Buckets
    from ds_ec2.aws.sessions import SsmSessions
    from ds_ec2.aws.spot_requests import SpotRequests
    from ds_ec2.aws.ssm import Parameters
    from ds_ec2.aws.sts import Identity

_log: Final = logging.getLogger("ds_ec2.aws")

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 30
_TRIES: Final = 6
_TRIES_NEARBY: Final = 3
_POLL_S: Final = 2.0
_POLL_NEARBY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Keys:
    """Long-term keys given by the program itself (the embedded AWS); never shown."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Account:
    """Where all calls go. Made by `open_account`.

    Args:
        region: The region.
        profile: Profile of the shared configuration, or None.
        endpoint: One URL for every service, or None for AWS itself (or `AWS_ENDPOINT_URL`).
        keys: Given keys, or None for the user's own credentials.
        flags: Options that name this account on a command line, for hints: ` --local`, or empty.
    """

    region: str
    profile: str | None = None
    endpoint: str | None = None
    keys: Keys | None = None
    flags: str = ""
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def elsewhere(self, region: str) -> Account:
        """Return the same account in another region."""
        if region == self.region:
            return replace(self)
        flags = re.sub(r" --region \S+", "", self.flags)
        return replace(self, region=region, flags=f"{flags} --region {region}")

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at something that takes its time."""
        return _POLL_NEARBY_S if self.endpoint else _POLL_S

    @cached_property
    def session(self) -> Session:
        """The botocore session; boto3 would add a layer and 40 ms.

        Raises:
            UsageError: There is no such region: told here, where botocore reads its list of them anyway.
        """
        session = _session(self.profile)
        check_region(session, self.region)
        return session

    @cached_property
    def ec2(self) -> Ec2:
        """EC2."""
        from ds_ec2.aws.ec2 import Ec2

        return Ec2(self._client("ec2"))

    @cached_property
    def capacity(self) -> Capacity:
        """EC2's calls about capacity."""
        from ds_ec2.aws.capacity import Capacity

        return Capacity(self._client("ec2"), self._client("ec2", tries=1))

    @cached_property
    def instance_types(self) -> InstanceTypes:
        """EC2's instance types."""
        from ds_ec2.aws.instance_types import InstanceTypes

        return InstanceTypes(self._client("ec2"))

    @cached_property
    def spot_requests(self) -> SpotRequests:
        """EC2's requests for spot machines."""
        from ds_ec2.aws.spot_requests import SpotRequests

        return SpotRequests(self._client("ec2"))

    @cached_property
    def price_lists(self) -> PriceLists:
        """The Pricing API, which lives in few regions and knows all of them."""
        from ds_ec2.aws.pricing import REGION, PriceLists

        return PriceLists(self._client("pricing", REGION))

    @cached_property
    def stacks(self) -> Stacks:
        """CloudFormation."""
        from ds_ec2.aws.cloudformation import Stacks

        return Stacks(self._client("cloudformation"))

    @cached_property
    def parameters(self) -> Parameters:
        """SSM parameters."""
        from ds_ec2.aws.ssm import Parameters

        return Parameters(self._client("ssm"))

    @cached_property
    def sessions(self) -> SsmSessions:
        """Session Manager, as the tunnel wants it."""
        from ds_ec2.aws.sessions import SsmSessions

        return SsmSessions(self._client("ssm"), self.region, self._credentials())

    @cached_property
    def identity(self) -> Identity:
        """STS."""
        from ds_ec2.aws.sts import Identity

        return Identity(self._client("sts"))

    @cached_property
    def policies(self) -> Policies:
        """IAM."""
        from ds_ec2.aws.iam import Policies

        return Policies(self._client("iam"))

    @cached_property
    def buckets(self) -> Buckets:
        """S3."""
        from ds_ec2.aws.s3 import Buckets

        return Buckets(self._client("s3"))

    @cached_property
    def images(self) -> Images:
        """Machine images."""
        from ds_ec2.aws.images import Images

        return Images(self.parameters, self.ec2)

    @cached_property
    def quotas(self) -> Quotas:
        """Service quotas."""
        from ds_ec2.aws.quotas import Quotas

        return Quotas(self._client("service-quotas"), self.ec2)

    @translated
    def _client(self, service: str, region: str = "", *, tries: int | None = None) -> Any:
        """Make a client. Clients may be used by many threads; making them may not.

        Raises:
            UsageError: The address in the user's settings is none.
        """
        with self._lock:
            try:
                client = self.session.create_client(
                    service,
                    region_name=region or self.region,
                    endpoint_url=self.endpoint,
                    config=self._config(tries),
                    aws_access_key_id=self.keys.id if self.keys else None,
                    aws_secret_access_key=self.keys.secret if self.keys else None,
                )
            except ValueError as error:  # botocore's only word for an address that is none
                hint = "unset AWS_ENDPOINT_URL, or mend endpoint_url in ~/.aws/config"
                raise UsageError("AWS has no such address", why=str(error), hint=hint) from error
        _log_calls(client)
        if service == "ec2":
            client.meta.events.register("after-call.ec2", decoder(self._decoded))
        return client

    def _decoded(self, message: str) -> str:
        return self.identity.decoded(message)

    @translated
    def _credentials(self) -> Any:
        if self.keys is None:
            return self.session.get_credentials()
        from botocore.credentials import Credentials

        return Credentials(self.keys.id, self.keys.secret)

    def _config(self, tries: int | None) -> Any:
        from botocore.config import Config

        usual = _TRIES_NEARBY if self.endpoint else _TRIES
        retries: Any = {"mode": "adaptive", "total_max_attempts": tries or usual}

        config = Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries=retries,
            user_agent_extra=f"ds-ec2/{__version__}",
            max_pool_connections=16,
        )
        if not self.endpoint:
            return config
        # An emulator: no proxy, no bucket names in host names, no long wait for a dead process.
        return config.merge(Config(proxies={}, s3={"addressing_style": "path"}))


@translated
def open_account(
    region: str | None = None,
    profile: str | None = None,
    endpoint: str | None = None,
    *,
    keys: Keys | None = None,
    flags: str = "",
) -> Account:
    """Return an account; nothing is sent yet.

    Args:
        region: None takes AWS_REGION, AWS_DEFAULT_REGION, then the profile's.
        profile: None takes AWS_PROFILE, then the default profile.
        endpoint: One URL for every service.
        keys: Credentials to use instead of the user's.
        flags: Options that name this account on a command line, for hints.

    Raises:
        UsageError: No region is known.
        DsEc2Error: There is no such profile.
    """
    import os

    if region and (endpoint or profile is None):
        return Account(region, profile, endpoint, keys, flags)
    found = region or os.environ.get("AWS_REGION") or _session(profile).get_config_variable("region")
    if profile is not None:
        _session(profile).get_scoped_config()
    if not found:
        raise UsageError(
            "no region is known",
            why="neither --region, nor AWS_REGION, nor the profile names one",
            hint="aws configure set region us-east-1 (or: --region us-east-1; without an account: --local)",
        )
    return Account(str(found), profile, endpoint, keys, flags)


def _session(profile: str | None) -> Session:
    from botocore.session import Session

    return Session(profile=profile)


def _log_calls(client: Any) -> None:
    """Log a line per call: service, operation, status, milliseconds; never a body, which may hold secrets."""
    service = client.meta.service_model.service_name

    def before(context: dict[str, Any], **_: Any) -> None:
        context["ds_ec2_begun"] = time.monotonic()

    def after(event_name: str, context: dict[str, Any], **event: Any) -> None:
        answer: Mapping[str, Any] = event.get("parsed") or {}
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "no answer")
        code = answer.get("Error", {}).get("Code", "-")
        took_ms = 1000 * (time.monotonic() - context.get("ds_ec2_begun", time.monotonic()))
        _log.debug("%s %s %s %s %.0f ms", service, event_name.rpartition(".")[2], status, code, took_ms)

    for when, hook in (("before-call", before), ("after-call", after), ("after-call-error", after)):
        client.meta.events.register(f"{when}.{service}", hook)
