"""JupyterLab: a service of the user, on the loopback, with a token that stands in one file."""

from __future__ import annotations

import json
import secrets
import urllib.request
from typing import TYPE_CHECKING, Any

from ds_ec2_machine import labextension, supervisor
from ds_ec2_machine.environment import in_force, variables
from ds_ec2_machine.loader import DIRECT, write
from ds_ec2_machine.platform import ENVIRONMENT, JUPYTER_PORT, KERNELS, TOKEN, WORK, Platform
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.stages import Stage
    from ds_ec2_machine.uv import Uv


SETTINGS = f"{ENVIRONMENT}/share/jupyter/lab/settings"
# jsonschema imports rfc3987_syntax if it is there, which compiles 38 grammars each time: most of a second,
# and longer than the rest of a start. They are for the format `iri`, which no schema of the server has.
# None stands for a module that is not there.
# Source: https://docs.python.org/3/reference/import.html#the-module-cache
PROGRAM = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterlab.labapp import main; main()"
# A private machine asks nobody for news, and does not trouble its user with the question.
# Source: https://jupyterlab.readthedocs.io/en/stable/user/announcements.html
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
# What a kernel is asked without anybody's doing: by tabs that open, come back or poll. JupyterLab's pages get
# this list as well, and leave such messages out of the busy sign.
# Source: jupyter_server's MappingKernelManager.untracked_message_types, whose own list this is, with the last
# two: jupyter-resource-usage polls every kernel by them.
UNTRACKED = (
    "comm_info_request",
    "comm_info_reply",
    "kernel_info_request",
    "kernel_info_reply",
    "shutdown_request",
    "shutdown_reply",
    "interrupt_request",
    "interrupt_reply",
    "debug_request",
    "debug_reply",
    "stream",
    "display_data",
    "update_display_data",
    "execute_input",
    "execute_result",
    "error",
    "status",
    "clear_output",
    "debug_event",
    "input_request",
    "input_reply",
    "usage_request",
    "usage_reply",
)


def ask(platform: Platform, path: str) -> Any:
    """Return JupyterLab's answer to a GET.

    Raises:
        OSError: It does not answer, or refuses.
    """
    url = f"http://{platform.bind_address}:{JUPYTER_PORT}{path}"
    headers = {"Authorization": f"token {platform.token()}"}
    with DIRECT.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)


def service(platform: Platform, uv: Uv) -> supervisor.Service:
    """Return JupyterLab as a service, in the environment's own folder: one that runs keeps its files."""
    options = {
        "ip": platform.bind_address,
        "port": str(JUPYTER_PORT),
        "port_retries": "0",
        "allow_remote_access": "False",
        "allow_origin": "",
        "allow_root": str(platform.account.uid == 0),
        # The road to the laptop carries about 1 MB/s: the page is 5.2 MB as it is, 1.4 MB compressed.
        "tornado_settings": str({"compress_response": True}),
        "root_dir": platform.path(WORK),
    }
    command = [f"{in_force(platform)}/bin/python", "-c", PROGRAM, "--no-browser"]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    command += [f"--MappingKernelManager.untracked_message_types={name}" for name in UNTRACKED]
    command += [f"--LabServerApp.extra_labextensions_path={platform.path(labextension.FOLDER)}"]
    # `uv pip install` and `%pip install` in a notebook find the machine's index as well.
    own = {**uv.variables, **variables(platform), "JUPYTER_TOKEN_FILE": platform.path(TOKEN)}
    own["JUPYTER_PATH"] = platform.path(KERNELS)
    environment = platform.environment(**own)
    return supervisor.Service("jupyter", command, environment, platform.path(WORK), as_user=True)


def start(stage: Stage, uv: Uv) -> None:
    """Have JupyterLab answering.

    Raises:
        StageError: It does not answer in time.
    """
    platform = stage.platform
    if not platform.token():
        write(platform.path(TOKEN), secrets.token_urlsafe(32).encode(), 0o600)
        platform.give(platform.file(TOKEN))
    _settle(platform)
    labextension.install(platform)
    supervisor.ensure(platform, service(platform, uv))
    _wait(stage)


def extensions(platform: Platform) -> str:
    """Return what the server loads as it starts: its own version and the extensions' files."""
    folder = in_force(platform) or platform.file(ENVIRONMENT)
    patterns = (
        "lib/*/site-packages/jupyter*-*.dist-info",
        "etc/jupyter/*.d/*",
        "share/jupyter/labextensions/*",
    )
    return " ".join(sorted(path.name for pattern in patterns for path in folder.glob(pattern)))


def follow(stage: Stage, uv: Uv, before: str) -> None:
    """Go along with a new environment: new kernels are of it, and the server where it has to.

    Args:
        stage: Whose log and budget.
        uv: uv.
        before: The `extensions` of the environment before. Where they are the same, the server runs on in its
            own folder, and nobody's page is disturbed; so it does where somebody has a kernel.
    """
    platform = stage.platform
    _settle(platform)
    if extensions(platform) == before:
        return
    if ask(platform, "/api/kernels?no_track_activity=1"):
        stage.say("kernels run: JupyterLab keeps running as it is; new kernels have the new packages")
        return
    stage.say("JupyterLab starts anew")
    before = ask(platform, "/api/status")["started"]
    if not supervisor.ensure(platform, service(platform, uv)):
        supervisor.restart(platform, "jupyter")
    _wait(stage, before)


def _settle(platform: Platform) -> None:
    """Write JupyterLab's settings and the kernel that it offers first, for the environment in force."""
    platform.user_folder(SETTINGS)
    write(platform.path(f"{SETTINGS}/overrides.json"), json.dumps(OVERRIDES).encode())
    folder = in_force(platform)
    kernel = {
        "argv": [f"{folder}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"{platform.settings().get('name', 'ds-ec2')} (Python)",
        "language": "python",
        "metadata": {"debugger": True},
        "env": {"PATH": f"{folder}/bin:${{PATH}}", "VIRTUAL_ENV": str(folder)},
    }
    # `python3` is the kernel that notebooks name; this path comes before the environment's own of that name.
    write(platform.path(f"{KERNELS}/kernels/python3/kernel.json"), json.dumps(kernel).encode())


def _wait(stage: Stage, before: str = "") -> None:
    """Wait for a JupyterLab that answers, other than the one that started at `before`."""
    try:
        stage.wait("JupyterLab", lambda: ask(stage.platform, "/api/status")["started"] != before, 0.1)
    except StageError as error:
        raise StageError(f"{error}\n{supervisor.last_words(stage.platform, 'jupyter')}") from None
