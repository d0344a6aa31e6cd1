"""Wishes as people type them: `A10G`, `24GB..`, `A100:80GB:2`, `4+`, `16..64`; and back."""

from __future__ import annotations

import re
from typing import Final

from ds_ec2.errors import UsageError
from ds_ec2.model.wishes import AT_LEAST_ONE, GpuWish, Range, SpotPolicy, Wish

_NUMBER: Final = r"[0-9]{1,7}(?:\.[0-9]{1,4})?"
_UNIT: Final = r"(?:GiB|GB|G)"
_RANGE: Final = re.compile(
    rf"(?:(?P<low>{_NUMBER}){_UNIT}?)?(?P<dots>\.\.)(?:(?P<high>{_NUMBER}){_UNIT}?)?"
    rf"|(?P<only>{_NUMBER}){_UNIT}?(?P<more>\+)?",
    re.IGNORECASE,
)
_WITH_UNIT: Final = re.compile(rf"[0-9]\s*{_UNIT}(?![a-z])", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]*")
_NAME_AND_MEMORY: Final = re.compile(rf"(?P<name>.+)-(?P<memory>{_NUMBER}GB)", re.IGNORECASE)


def parse_range(text: str, option: str) -> Range:
    """Return the range of `4`, `4+`, `4..`, `..8` or `4..8`; GB may follow the numbers.

    Args:
        text: As typed.
        option: `--cpus`, for the message.

    Raises:
        UsageError: It is no range.
    """
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if not match or (match["dots"] and not (match["low"] or match["high"])):
        raise UsageError(
            f"{option} {text!r} is no number and no range",
            why="ranges look like 4, 4+, 4..8 or ..8",
            hint=f"{option} 4+",
        )
    if match["only"]:
        low = float(match["only"])
        found = Range(low, None if match["more"] else low)
    else:
        found = Range(*(float(side) if side else None for side in (match["low"], match["high"])))
    if found.high is not None and (found.high <= 0 or found.high < (found.low or 0)):
        raise UsageError(f"{option} {text!r} holds nothing", hint=f"{option} 4..8")
    return found


def format_range(value: Range, unit: str = "") -> str:
    """Return the range as it is typed: `4`, `4..`, `4..8GB`."""
    if value.low == value.high:
        return f"{_plain(value.low)}{unit}"
    low, high = (f"{_plain(side)}{unit}" if side is not None else "" for side in (value.low, value.high))
    return f"{low}..{high}"


def parse_gpu(text: str) -> GpuWish:
    """Return the wish of `A10G`, `A10G,L4`, `24GB..`, `A100:80GB:2`, `L4:1`, `nvidia:2`.

    Raises:
        UsageError: It is none.
    """
    try:
        return _parse_gpu(text)
    except UsageError as error:
        raise UsageError(
            f"--gpu {text!r} is not understood",
            why="a name, the memory of each and a number, each optional: A10G, 24GB.., A100:80GB:2, L4:1",
            hint="ds-ec2 offers --gpu 24GB..",
        ) from error


def _parse_gpu(text: str) -> GpuWish:
    names: tuple[str, ...] = ()
    memory: Range | None = None
    count: Range | None = None
    for part in (one.strip() for one in text.split(":")):
        number, unit = part[:1] in set("0123456789."), bool(_WITH_UNIT.search(part))
        if number and unit and memory is None:
            memory = parse_range(part, "--gpu")
        elif number and not unit and count is None:
            count = parse_range(part, "--gpu")
        elif part and not names and memory is None and count is None:
            names, memory = _names(part)
        else:
            raise UsageError(f"{part!r} is out of place")
    return GpuWish(names, memory, count or AT_LEAST_ONE)


def format_gpu(value: GpuWish) -> str:
    """Return the wish as it is typed."""
    parts = [",".join(value.names)] if value.names else []
    if value.memory_gb:
        parts.append(format_range(value.memory_gb, "GB"))
    if value.count != AT_LEAST_ONE or not parts:
        parts.append(format_range(value.count))
    return ":".join(parts)


def format_wish(wish: Wish) -> str:
    """Return the options that a wish is typed as: `--gpu L4:1 --max-price 1.5`; empty for any machine."""
    options = (
        ("--gpu", format_gpu(wish.gpu) if wish.gpu else ""),
        ("--cpus", format_range(wish.cpus) if wish.cpus else ""),
        ("--memory", format_range(wish.memory_gib) if wish.memory_gib else ""),
        ("--arch", wish.architecture),
        ("--instance-type", ",".join(wish.types)),
        ("--zone", wish.zone),
        ("--max-price", "" if wish.max_price is None else _plain(wish.max_price)),
        ("--spot-policy", "" if wish.spot is SpotPolicy.ON_DEMAND else wish.spot.value),
    )
    return " ".join(f"{name} {_quoted(value)}" for name, value in options if value)


def _quoted(value: str) -> str:
    return f"'{value}'" if " " in value else value


def _names(part: str) -> tuple[tuple[str, ...], Range | None]:
    names = tuple(name.strip() for name in part.split(","))
    if len(names) == 1 and (match := _NAME_AND_MEMORY.fullmatch(names[0])):  # A100-80GB, as others write it
        return (match["name"],), parse_range(match["memory"], "--gpu")
    if not all(_NAME.fullmatch(name) for name in names):
        raise UsageError(f"{part!r} is no list of names")
    return names, None


def _plain(value: float | None) -> str:
    return f"{value or 0:.4f}".rstrip("0").rstrip(".")
