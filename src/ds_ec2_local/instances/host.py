"""What a sandbox takes from this host: its Python, its certificates, how its pip finds packages."""

from __future__ import annotations

import configparser
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_CERTIFICATE_VARIABLES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
)
# How package installers reach packages; nothing else of the host's environment is handed on.
_NETWORK_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
)
_PLACES_OF_PACKAGES = ("index-url", "extra-index-url", "find-links")
_PIP_SETTINGS = (
    *_PLACES_OF_PACKAGES,
    "no-index",
    "trusted-host",
    "cert",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
)


@dataclass(frozen=True, slots=True)
class Host:
    """What this host gives to every sandbox.

    Args:
        python: The interpreter that runs inside, as a host path.
        prefix: The folder that it needs.
        certificates: Files and folders of CA certificates.
        pip: Settings of pip, for `/etc/pip.conf`.
        packages: Local folders that pip's settings name.
        environment: Variables that processes inside begin with.
    """

    python: str
    prefix: str
    certificates: tuple[str, ...]
    pip: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def read_only(self) -> list[str]:
        """Return the host paths that every sandbox shows at the same place, outer ones first."""
        system = [path for path in _SYSTEM_FOLDERS if Path(path).is_dir() and not Path(path).is_symlink()]
        others = {path for path in (self.prefix, *self.certificates, *self.packages) if Path(path).exists()}
        kept = list(system)
        for path in sorted(others):
            # `/etc` is copied as far as everybody may read it, so what lies there is inside already.
            if not any(Path(path).is_relative_to(one) for one in (*kept, "/etc")):
                kept.append(path)
        return kept


def system_links() -> dict[str, str]:
    """Return the links in the root that lead to system folders, such as `/bin` to `usr/bin`."""
    return {path: str(Path(path).readlink()) for path in _SYSTEM_FOLDERS if Path(path).is_symlink()}


def read(environment: Mapping[str, str] = os.environ) -> Host:
    """Return what this host gives, from its environment and files."""
    pip = _pip(environment)
    named = {key: environment[key] for key in _CERTIFICATE_VARIABLES if environment.get(key)}
    certificates = [path for value in named.values() for path in value.split(os.pathsep)]
    certificates += [value for key, value in pip.items() if key == "cert"]
    handed = {key: environment[key] for key in _NETWORK_VARIABLES if environment.get(key)}
    handed |= {key.lower(): value for key, value in handed.items() if key.endswith("_PROXY")}
    interpreter = getattr(sys, "_base_executable", "") or sys.executable
    return Host(
        python=str(Path(interpreter).resolve()),
        prefix=str(Path(sys.base_prefix).resolve()),
        certificates=tuple(dict.fromkeys(certificates)),
        pip=tuple(pip.items()),
        packages=tuple(_package_folders(pip)),
        environment=tuple({**named, **handed}.items()),
    )


def _pip_files(environment: Mapping[str, str]) -> Iterable[Path]:
    """Yield pip's files, later ones winning.

    Source: https://pip.pypa.io/en/stable/topics/configuration/#location
    """
    home = Path(environment.get("HOME", "/nonexistent"))
    for folder in reversed(environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)):
        yield Path(folder, "pip/pip.conf")
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    yield Path(sys.base_prefix, "pip.conf")
    if environment.get("PIP_CONFIG_FILE", os.devnull) != os.devnull:
        yield Path(environment["PIP_CONFIG_FILE"])


def _pip(environment: Mapping[str, str]) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read([path for path in _pip_files(environment) if os.access(path, os.R_OK)])
    values = dict(parser["global"]) if parser.has_section("global") else {}
    for key, value in environment.items():
        if key.startswith("PIP_"):
            values[key.removeprefix("PIP_").lower().replace("_", "-")] = value
    return {key: values[key] for key in _PIP_SETTINGS if values.get(key)}


def _package_folders(pip: Mapping[str, str]) -> Iterable[str]:
    for key in _PLACES_OF_PACKAGES:
        for word in pip.get(key, "").split():
            parts = urlsplit(word)
            path = Path(unquote(parts.path)) if parts.scheme in {"", "file"} else None
            if path is None or not path.is_absolute():
                continue
            # The pages of an index name files that lie beside it.
            aside = path.name == "simple" and path.parent != Path("/")
            yield str(path.parent if aside else path)
