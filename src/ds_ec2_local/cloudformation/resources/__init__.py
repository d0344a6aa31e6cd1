"""The resource types that the engine knows; all others are refused, by name."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Final

from ds_ec2_local.cloudformation.work import Handler

_MODULES: Final = (
    "addresses", "alarms", "buckets", "custom", "endpoints", "events", "functions", "gateways", "iam",
    "instances", "keys", "launch_templates", "logs", "network", "parameters", "repositories",
    "security_groups", "topics", "volumes", "waiting",
)  # fmt: skip


@lru_cache(maxsize=1)
def _handlers() -> dict[str, Handler]:
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
    found: dict[str, Handler] = {}
    pending = list(Handler.__subclasses__())
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if "type_name" in kind.__dict__:
            found[kind.type_name] = kind()
    return found


def known(type_name: str) -> bool:
    """Tell whether the engine knows a type."""
    return type_name.startswith("Custom::") or type_name in _handlers()


def handler(type_name: str) -> Handler:
    """Return the handler of a type."""
    custom = type_name.startswith("Custom::")
    return _handlers()["AWS::CloudFormation::CustomResource" if custom else type_name]
