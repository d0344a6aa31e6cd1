"""Where settings and state are kept, by each system's custom."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "ds-ec2"


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the settings file: `DS_EC2_CONFIG`, else `~/.config/ds-ec2/config.toml` (Windows: %APPDATA%).

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    if named := environment.get("DS_EC2_CONFIG"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / _NAME / "config.toml"


def state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for state: `DS_EC2_STATE`, else `~/.local/state/ds-ec2` or the system's own place."""
    if named := environment.get("DS_EC2_STATE"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / _NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / _NAME


def local_state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the embedded AWS's folder."""
    return state_dir(environment) / "local"


def demo_state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the demo's own embedded AWS: it never touches the one of `--local`."""
    return state_dir(environment) / "demo"


def catalogue_dir(environment: Mapping[str, str] = os.environ, *, local: bool = False) -> Path:
    """Return the folder of refreshed catalogues; the embedded AWS has its own: its prices are made up."""
    return (local_state_dir(environment) if local else state_dir(environment)) / "catalogue"
