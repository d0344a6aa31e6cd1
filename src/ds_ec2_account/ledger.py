"""Keep account of how long each instance ran, in a tag of its own. Part of the function `way_out.py`.

EC2 remembers the last start alone, and of a stop through its API the second. So each look at an instance
writes down what it shows, as `from=1764150000 m7i.large=36000 m7i.large:1764153600-1764160800
g6.xlarge/spot:1764161000-0`: the first start that was seen, the seconds of runs that are long over, and the
last two runs from start to end, 0 for one that is under way. Each end is the earliest by which the run was
known to be over, so that events may come late, twice, and in any order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

TAG = "ds-ec2:spent"
LONGEST = 256
"""Characters of a tag's value.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
"""
LEAST = 60
"""Seconds that EC2 bills for a run at least. Source: https://aws.amazon.com/ec2/pricing/on-demand/"""
_OVER = ("stopping", "stopped")
_WORD = re.compile(r"([^ :=]+)([:=])(\d+)-?(\d*)")
_TOLD = re.compile(r"\((\d\S+ \d\S+) \w+\)")


def entry(text: str, kind: str, launched: int, ends: list[int], *, over: bool) -> str:
    """Return an instance's account as it is after one more look. All times are Unix seconds.

    Args:
        text: As it was before; empty at first.
        kind: What is billed: `m7i.large`, `m7i.large/spot`.
        launched: The last start.
        ends: Times by which a run was over, the last one or one before it.
        over: The last run is over.
    """
    sums, runs = {"from": launched}, []
    for name, sign, number, end in _WORD.findall(text):
        if sign == ":":
            runs.append([name, int(number), int(end)])
        else:
            sums[name] = int(number)
    if not runs or launched > runs[-1][1]:
        runs.append([kind, launched, 0])
    nexts = [start for _, start, _ in runs[1:]] + [0]
    for run, after in zip(runs, nexts, strict=True):
        # Within two seconds of a start an end may be that of the run before: clocks differ.
        run[2] = min((end for end in (run[2], after, *ends) if end > run[1] + 2), default=0)
    if not over:
        runs[-1][2] = 0
    for name, start, end in runs[:-2]:
        sums[name] = sums.get(name, 0) + max(LEAST, end - start)
    last = [f"{name}:{start}-{end}" for name, start, end in runs[-2:]]
    while len(value := " ".join([f"{name}={total}" for name, total in sums.items()] + last)) > LONGEST:
        least = min(sums.keys() - {"from", "other"}, key=sums.__getitem__)
        sums["other"] = sums.get("other", 0) + sums.pop(least)
    return value


def note(ec2: Any, instances: Any, event: dict[str, Any], now: datetime) -> None:
    """Bring the account of each instance up to date.

    Times that are told are whole seconds, rounded down: one more is never less than the truth.

    Args:
        ec2: An EC2 client.
        instances: As DescribeInstances tells them.
        event: What called: a change of state tells when its instance's was.
        now: The time.
    """
    detail = event.get("detail", {})
    for one in instances:
        state, name = one["State"]["Name"], one["InstanceId"]
        if state in ("pending", "running", *_OVER):
            times = _TOLD.findall(one.get("StateTransitionReason", ""))
            if detail.get("instance-id") == name and detail["state"] in _OVER:
                times.append(event["time"].strip("Z"))
            over = state in _OVER
            ends = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in times] + [now] * over
            before = {tag["Key"]: tag["Value"] for tag in one["Tags"]}.get(TAG, "")
            kind = one["InstanceType"] + "/spot" * (one.get("InstanceLifecycle") == "spot")
            seconds = [int(end.timestamp()) + 1 for end in ends]
            after = entry(before, kind, int(one["LaunchTime"].timestamp()), seconds, over=over)
            if after != before:
                ec2.create_tags(Resources=[name], Tags=[{"Key": TAG, "Value": after}])
