"""Where packages come from: what pip is told on this machine, in uv's words."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Dict, Mapping

from ds_ec2_machine.stages import StageError

_FROM_PIP = {
    # pip's option: (uv's variable, what separates several values)
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
# The later wins. Source: https://pip.pypa.io/en/stable/topics/configuration/
_SYSTEM = ("/Library/Application Support/pip/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/pip.conf")
_USER = (".pip/pip.conf", ".config/pip/pip.conf", "Library/Application Support/pip/pip.conf")
_SECTIONS = ("global", "install")


def settings(environment: Mapping[str, str]) -> Dict[str, str]:
    """Return pip's options for `pip install`, as it would find them; starting it to ask takes a second.

    Args:
        environment: The variables of who would run it, HOME among them.

    Raises:
        StageError: One of its files cannot be understood.
    """
    named = environment.get("PIP_CONFIG_FILE", "")
    own = [named] if named and Path(named).exists() else [f"{environment['HOME']}/{name}" for name in _USER]
    parser = configparser.RawConfigParser()
    for file in [] if named == os.devnull else [*_SYSTEM, *own]:
        try:
            parser.read(file, encoding="utf-8")  # one that is not there is passed over
        except (configparser.Error, UnicodeDecodeError) as error:
            raise StageError(f"pip's configuration {file}: {error}") from error
    found: Dict[str, str] = {}
    for section in filter(parser.has_section, _SECTIONS):
        found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for key, value in environment.items():
        if key.startswith("PIP_"):
            found[key[len("PIP_") :].lower().replace("_", "-")] = value
    return found


def translated(options: Mapping[str, str]) -> Dict[str, str]:
    """Return uv's variables for pip's options."""
    found = {}
    for option, (variable, separator) in _FROM_PIP.items():
        if options.get(option):
            found[variable] = separator.join(options[option].split())
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip takes the best of all indexes too
    return found
