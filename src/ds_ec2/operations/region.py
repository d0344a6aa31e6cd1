"""Which region is meant where no account is asked: what the tools for AWS would take, read without them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ds_ec2.config.settings import load_settings

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

USUAL: Final = "us-east-1"
"""Where nobody names one; the embedded AWS's too."""


def region_without_account(target: Target) -> str:
    """Return the region: the option, the setting, the environment, the profile, else us-east-1."""
    if target.local:
        return target.region or USUAL
    environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return target.region or load_settings().region or environment or _of_profile(target) or USUAL


def _of_profile(target: Target) -> str:
    """Return the region of a profile, or empty.

    Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
    """
    profile = target.profile or load_settings().profile or os.environ.get("AWS_PROFILE") or "default"
    path = Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    if not path.exists():
        return ""
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return ""
    section = profile if profile == "default" else f"profile {profile}"
    return parser.get(section, "region", fallback="")
