"""Settings: `DS_EC2_<KEY>` in the environment goes before the same key of config.toml."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.config.paths import config_file
from ds_ec2.errors import UsageError
from ds_ec2.model.defaults import DEFAULT_TYPE, WayOut
from ds_ec2.model.idle import THRESHOLDS, parse_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIX: Final = "DS_EC2_"


def _text(pattern: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return read


def _number(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not re.fullmatch(r"[0-9]+", str(value)) or not lowest <= int(value) <= highest:
            raise ValueError
        return int(value)

    return read


def _thresholds(value: Any) -> tuple[tuple[str, float], ...]:
    try:
        return tuple(parse_thresholds(filter(None, _text(r".*")(value).replace(",", " ").split())).items())
    except UsageError as error:
        raise ValueError from error


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError
    return Path(value).expanduser()


def _rule(read: Callable[[Any], Any], allowed: str) -> dict[str, Any]:
    """Say how a setting is read, and what a message tells is allowed."""
    return {"read": read, "allowed": allowed}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, with its default and its rule."""

    owner: str | None = field(
        default=None, metadata=_rule(_text(r"[a-z0-9]{1,20}"), "1 to 20 lower-case letters and digits")
    )
    region: str | None = field(
        default=None, metadata=_rule(_text(r"[a-z]{2}(-[a-z]+)+-[0-9]"), "a region such as us-east-1")
    )
    profile: str | None = field(default=None, metadata=_rule(_text(r".+"), "a profile of ~/.aws/config"))
    instance_type: str = field(
        default=DEFAULT_TYPE,
        metadata=_rule(_text(r"[a-z0-9-]+\.[a-z0-9-]+"), "an instance type such as g5.xlarge"),
    )
    data_gib: int = field(default=50, metadata=_rule(_number(1, 16384), "1 to 16384 (GiB)"))
    python: str = field(default="3.12", metadata=_rule(_text(r"3\.[0-9]+"), "a version such as 3.12"))
    idle_minutes: int = field(
        default=60, metadata=_rule(_number(0, 10080), "0 (never stop) to 10080 minutes")
    )
    idle_thresholds: tuple[tuple[str, float], ...] = field(
        default=(), metadata=_rule(_thresholds, f"such as cpu=0.5,gpu=10; there are {', '.join(THRESHOLDS)}")
    )
    max_minutes: int = field(
        default=0, metadata=_rule(_number(0, 525600), "0 (as long as it likes) to 525600 minutes")
    )
    way_out: WayOut = field(
        default=WayOut.NAT_INSTANCE, metadata=_rule(WayOut, "one of " + ", ".join(WayOut))
    )
    requirements: Path | None = field(default=None, metadata=_rule(_path, "the path of a requirements file"))


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        UsageError: The file cannot be read, or a value is not allowed: it names file, key, value and what is.
    """
    path = config_file(environment)
    values: dict[str, Any] = {}
    for key, raw in _read_file(path).items():
        values[key] = _checked(key, raw, f"{path}: {key}", f"edit {path}")
    for item in fields(Settings):
        variable = _PREFIX + item.name.upper()
        if raw := environment.get(variable):
            values[item.name] = _checked(item.name, raw, f"environment: {variable}", f"unset {variable}")
    return Settings(**values)


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read", why=str(error), hint=f"edit {path}") from error
    known = [item.name for item in fields(Settings)]
    for key in document:
        if key not in known:
            raise UsageError(
                f"{path}: {key} is no setting", why=f"known are {', '.join(known)}", hint=f"edit {path}"
            )
    return document


def _checked(key: str, raw: Any, where: str, hint: str) -> Any:
    (item,) = (item for item in fields(Settings) if item.name == key)
    try:
        return item.metadata["read"](raw)
    except ValueError:
        why = f"allowed is {item.metadata['allowed']}"
        raise UsageError(f"{where} is {raw!r}", why=why, hint=hint) from None
