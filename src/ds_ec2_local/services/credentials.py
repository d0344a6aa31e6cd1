"""Who calls: two people with keys, users made by IAM, and roles with keys that end.

Signatures are not checked: a key id says who calls. Everything here is of this computer alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ds_ec2_local.services.failures import AwsError
from ds_ec2_local.services.parts import ACCOUNT, DEFAULT_REGION

if TYPE_CHECKING:
    from ds_ec2_local.services.calls import Call

EXPIRED_KEY: Final = "ASIALOCALEXPIRED0000"
"""A key id that has always just expired."""
ROLE_SECONDS: Final = 6 * 3600
"""How long an instance's credentials live. Source: EC2 renews a role's credentials about every six hours."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the users that exist from the start."""

    name: str
    access_key: str
    secret_key: str


PEOPLE: Final = (
    Person("ana", "AKIALOCALANA00000000", "ana-local-secret-key-0000000000000000000"),
    Person("ben", "AKIALOCALBEN00000000", "ben-local-secret-key-0000000000000000000"),
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a call.

    Args:
        name: User's name, or the name of the role's session: a Session Manager session's id begins with it.
        arn: As GetCallerIdentity tells it.
        access_key: Key id.
    """

    name: str
    arn: str
    access_key: str


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Keys of a role, as the metadata service and Lambda hand them out."""

    access_key: str
    secret_key: str
    token: str
    expiration: datetime


_seeding = threading.Lock()


def _iam() -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT]["aws"]


def seed() -> None:
    """Make the people exist in IAM; once is enough, more do nothing."""
    with _seeding:
        iam = _iam()
        for person in PEOPLE:
            if person.name in iam.users:
                continue
            iam.create_user(region_name=DEFAULT_REGION, user_name=person.name)
            key = iam.create_access_key(person.name)
            iam.access_keys.pop(key.access_key_id, None)
            key.access_key_id, key.secret_access_key = person.access_key, person.secret_key
            iam.access_keys[person.access_key] = key


def for_role(role_name: str, session_name: str, seconds: int = ROLE_SECONDS) -> RoleCredentials:
    """Mint credentials of a role.

    Args:
        role_name: Its name, without path.
        session_name: An instance's id, or a function's name.
        seconds: Until they expire.
    """
    from moto.sts.models import sts_backends

    role = sts_backends[ACCOUNT]["aws"].assume_role(
        region_name=DEFAULT_REGION,
        role_session_name=session_name,
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{role_name}",
        policy="",
        duration=seconds,
        external_id="",
    )
    return RoleCredentials(
        role.access_key_id,
        role.secret_access_key,
        role.session_token,
        role.expiration.replace(tzinfo=UTC),
    )


def identify(call: Call) -> Principal:
    """Return who makes `call`.

    A key id that has not the form of AWS's (`testing`, say) is taken for the first person's, so that
    `AWS_ACCESS_KEY_ID=test` works as with other emulators.

    Raises:
        AwsError: It is unsigned, its key is unknown, switched off, or has expired.
    """
    key = call.access_key
    if key is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    if key == EXPIRED_KEY:
        raise _expired(call)
    if not key.startswith(("AKIA", "ASIA")):
        return _user(PEOPLE[0].name, key)
    known = _iam().access_keys.get(key)
    if known is None or known.status != "Active":
        raise _unknown(call)
    if known.user_name:
        return _user(known.user_name, key)
    return _session(call, key)


def check_scope(call: Call) -> None:
    """Check that a call is signed for a region that exists.

    Raises:
        AwsError: It is not.
    """
    if call.region in _regions():
        return
    message = f"Credential should be scoped to a valid region, not '{call.region}'."
    if call.protocol == "ec2":
        raise AwsError("AuthFailure", message, 401)
    if call.service == "s3":
        raise AwsError("AuthorizationHeaderMalformed", message, 400)
    json = call.protocol in {"json", "rest-json"}
    raise AwsError("InvalidSignatureException" if json else "SignatureDoesNotMatch", message, 403)


@lru_cache
def _regions() -> frozenset[str]:
    from botocore.session import Session

    session = Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )


def secret_of(access_key: str) -> str | None:
    """Return the secret of a key, for those who check signatures; None where any will do.

    Raises:
        LookupError: There is no such key, or it has expired.
    """
    if not access_key.startswith(("AKIA", "ASIA")):
        return None
    known = _iam().access_keys.get(access_key)
    if known is None or known.status != "Active":
        raise LookupError(access_key)
    return str(known.secret_access_key)


def _user(name: str, key: str) -> Principal:
    return Principal(name, f"arn:aws:iam::{ACCOUNT}:user/{name}", key)


def _session(call: Call, key: str) -> Principal:
    from moto.sts.models import sts_backends

    role = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(key)
    if role is None:
        raise _unknown(call)
    if role.expiration.replace(tzinfo=UTC) < datetime.now(UTC):
        raise _expired(call)
    return Principal(role.session_name, role.arn, key)


def _expired(call: Call) -> AwsError:
    if call.protocol == "ec2":
        return AwsError("RequestExpired", "Request has expired.", 400)
    code = "ExpiredTokenException" if call.protocol in {"json", "rest-json"} else "ExpiredToken"
    return AwsError(code, "The security token included in the request is expired", 403)


def _unknown(call: Call) -> AwsError:
    if call.protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.protocol in {"json", "rest-json"}:
        return AwsError(
            "UnrecognizedClientException", "The security token included in the request is invalid.", 400
        )
    if call.service == "s3":
        return AwsError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403
        )
    return AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
