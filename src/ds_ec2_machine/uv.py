"""uv: got through the distribution's own pip, pinned; then everything Python goes through it, as the user."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Dict

from ds_ec2_machine.loader import write
from ds_ec2_machine.platform import CACHE
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage

VERSION = "0.13.9"
HASHES = (
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",  # Linux, x86_64
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",  # Linux, aarch64
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",  # macOS, arm64
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",  # macOS, x86_64
)
"""SHA-256 of the wheels of `VERSION`, as in requirements/uv.txt."""

_FOLDER = "/opt/ds-ec2/uv"
_FROM_PIP = {
    # pip's option: (uv's variable, what separates several values)
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
_SECTIONS = ("global.", "install.", ":env:.")  # pip's order: the later wins


def translated(pip_config: str) -> Dict[str, str]:
    """Return uv's variables for what `pip config list` printed."""
    values: Dict[str, str] = {}
    for section in _SECTIONS:
        for line in pip_config.splitlines():
            key, equals, value = line.partition("=")
            if equals and key.startswith(section):
                values[key[len(section) :].lstrip(".")] = str(ast.literal_eval(value))
    found = {}
    for option, (variable, separator) in _FROM_PIP.items():
        if values.get(option):
            found[variable] = separator.join(values[option].split())
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip takes the best of all indexes too
    return found


class Uv:
    """uv on this machine, with the index that the machine is configured for."""

    def __init__(self, stage: Stage, python: str) -> None:
        self._folder = stage.platform.path(_FOLDER)
        self._program = f"{self._folder}/bin/uv"
        self._install(stage, python)
        pip = [f"{self._folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "config", "list"]
        configured = translated(stage.run(pip, as_user=True))
        kept = stage.platform.environment()
        self.variables: Dict[str, str] = {
            "UV_CACHE_DIR": stage.platform.path(f"{CACHE}/uv"),
            "UV_PYTHON_DOWNLOADS": "never",  # they do not come from the package index
            "UV_SYSTEM_CERTS": "1",
            **configured,
        }
        if not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"} & {*configured, *kept}:
            # PyTorch's own index for this GPU or for the CPU; asked only when a PyTorch package is wanted.
            self.variables["UV_TORCH_BACKEND"] = "auto"
        self.variables = {key: kept.get(key, value) for key, value in self.variables.items()}

    def _install(self, stage: Stage, python: str) -> None:
        try:
            if stage.run([self._program, "--version"]).split()[1] == VERSION:
                return
        except (StageError, IndexError):
            stage.say(f"installing uv {VERSION}")
        requirement = f"{self._folder}.txt"
        hashes = " ".join(f"--hash=sha256:{one}" for one in HASHES)
        write(requirement, f"uv=={VERSION} {hashes}\n".encode())
        stage.run([python, "-m", "venv", "--clear", self._folder])
        pip = [f"{self._folder}/bin/python", "-m", "pip", "install", "--quiet", "--no-deps"]
        stage.run([*pip, "--only-binary=:all:", "--require-hashes", "-r", requirement])

    def run(self, stage: Stage, *arguments: str) -> str:
        """Run uv as the user, on a stage's log and budget.

        Raises:
            StageError: It failed, with its own words.
        """
        quiet = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
        return stage.run([self._program, *arguments], {**self.variables, **quiet}, as_user=True)

    def install(self, stage: Stage, python: str, *requirements: str) -> None:
        """Install into an environment; what is there already and fits stays as it is.

        Raises:
            StageError: As for `run`.
        """
        self.run(stage, "pip", "install", "--python", python, *requirements)
