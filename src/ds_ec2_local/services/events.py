"""EventBridge's default bus: brings events and schedules to Lambda functions."""

from __future__ import annotations

import fnmatch
import json
import re
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ds_ec2_local.services.parts import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400}
_LOOK_EVERY_S: Final = 1.0


def instance_event(instance: Any) -> dict[str, Any]:
    """Return the event of an instance's new state, as EC2 shapes it. It carries no tags.

    Source: EC2's user guide, state change events for your instances.
    """
    region = instance.ec2_backend.region_name
    return envelope(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        region,
        [f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{instance.id}"],
        {"instance-id": instance.id, "state": instance.state},
    )


def envelope(
    source: str, kind: str, region: str, resources: list[str], detail: dict[str, Any]
) -> dict[str, Any]:
    """Return an event in EventBridge's shape."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


class EventRouter:
    """Calls the functions that rules name.

    Args:
        invoke: Runs a Lambda function: (region, ARN, event). It returns when the function has ended.
        clock_scale: Seconds of schedules that pass in one second.
    """

    def __init__(self, invoke: Callable[[str, str, dict[str, Any]], None], clock_scale: float = 1.0) -> None:
        self._invoke = invoke
        self._scale = clock_scale
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tick_forever, name="schedules", daemon=True)

    def start(self) -> None:
        """Begin to follow schedules."""
        self._thread.start()

    def close(self) -> None:
        """Stop following schedules."""
        self._closing.set()

    def emit(self, event: dict[str, Any]) -> int:
        """Bring an event to all rules that match it; functions run in threads of their own.

        Returns:
            How many functions were called.
        """
        called = 0
        for rule in _rules(event["region"]):
            pattern = rule.event_pattern
            if rule.state == "ENABLED" and pattern.dump() and pattern.matches_event(event):
                called += self._call(rule, event)
        return called

    def tick(self) -> int:
        """Let every schedule come due now.

        Returns:
            How many functions were called.
        """
        return sum(self._fire(region, rule) for region, rule in _scheduled())

    def _tick_forever(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            for region, rule in _scheduled():
                period = _period(rule.scheduled_expression)
                if period is None:
                    continue
                due = self._due.setdefault(rule.arn, now + period / self._scale)
                if now >= due:
                    self._due[rule.arn] = now + period / self._scale
                    self._fire(region, rule)

    def _fire(self, region: str, rule: Any) -> int:
        return self._call(rule, envelope("aws.events", "Scheduled Event", region, [rule.arn], {}))

    def _call(self, rule: Any, event: dict[str, Any]) -> int:
        called = 0
        for target in list(rule.targets):
            arn = target["Arn"]
            if ":lambda:" not in arn or not _may_call(event["region"], arn, rule.arn):
                continue
            given = json.loads(target["Input"]) if target.get("Input") else event
            called += 1
            threading.Thread(
                target=self._invoke, args=(event["region"], arn, given), name=f"event {arn}", daemon=True
            ).start()
        return called


def _period(expression: str | None) -> float | None:
    """Return the seconds of a rate expression; None for cron, which is not followed."""
    found = _RATE.fullmatch(expression or "")
    return int(found[1]) * _SECONDS[found[2]] if found else None


def _rules(region: str) -> list[Any]:
    from moto.events.models import events_backends

    backends = events_backends[ACCOUNT]
    return list(backends[region].event_buses["default"].rules.values()) if region in backends.keys() else []  # noqa: SIM118 - moto's `in` answers for regions without a backend


def _scheduled() -> list[tuple[str, Any]]:
    from moto.events.models import events_backends

    return [
        (region, rule)
        for region in list(events_backends[ACCOUNT].keys())
        for rule in _rules(region)
        if rule.scheduled_expression and rule.state == "ENABLED"
    ]


def _may_call(region: str, function: str, rule: str) -> bool:
    """Return whether the function's policy admits the rule (AddPermission): without it AWS calls nothing."""
    from moto.awslambda.models import lambda_backends

    found = lambda_backends[ACCOUNT][region].get_function(function)
    for statement in found.policy.statements:
        if statement.get("Principal", {}).get("Service") != "events.amazonaws.com":
            continue
        wanted = [
            value for test in statement.get("Condition", {}).values() for key, value in test.items()
            if key.lower() == "aws:sourcearn"
        ]  # fmt: skip
        if all(fnmatch.fnmatchcase(rule, pattern) for pattern in wanted):
            return True
    return False
