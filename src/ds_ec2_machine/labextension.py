"""A word to people in JupyterLab: a front-end extension of a few lines that shows what one file says.

It needs no build: JupyterLab takes any script that offers a module federation container. The file lies beside
the script, so that JupyterLab itself serves it, to whoever is logged in, and no request counts as activity.
Source: https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ds_ec2_machine.loader import sha, write

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform

FOLDER = "/opt/ds-ec2/labextensions"
NOTICE = f"{FOLDER}/ds-ec2/static/notice.json"
# The commands are JupyterLab's own, of its notification plugin.
_SCRIPT = """\
(window._JUPYTERLAB = window._JUPYTERLAB || {})["ds-ec2"] = {
  init: () => {},
  get: async () => () => ({ __esModule: true, default: { id: "ds-ec2:notice", autoStart: true, activate } })
};
function activate(app) {
  const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const address = page.fullLabextensionsUrl + "/ds-ec2/static/notice.json";
  let text = "", shown = "";
  async function look() {
    const answer = await fetch(address, { cache: "no-store" });
    const notice = answer.ok ? await answer.json() : {};
    if ((notice.text || "") === text) return;
    text = notice.text || "";
    if (shown) await app.commands.execute("apputils:dismiss-notification", { id: shown });
    const time = new Date(1000 * notice.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    shown = text && await app.commands.execute("apputils:notify", {
      message: text.replace("{time}", time), type: "warning", options: { autoClose: false }
    });
  }
  const again = () => look().catch(() => {}).then(() => setTimeout(again, PAUSE_MS));
  app.restored.then(again);
}
"""
_PAUSE_MS = 10000


def install(platform: Platform) -> None:
    """Write the extension where JupyterLab is told to look.

    A new script has a new name: browsers keep what they have.
    """
    script = _SCRIPT.replace("PAUSE_MS", str(_PAUSE_MS)).encode()
    name = f"static/entry.{sha(script)[:12]}.js"
    build = {"load": name, "extension": "./extension"}
    package = {"name": "ds-ec2", "version": "1.0.0", "jupyterlab": {"extension": True, "_build": build}}
    write(platform.path(f"{FOLDER}/ds-ec2/{name}"), script)
    write(platform.path(f"{FOLDER}/ds-ec2/package.json"), json.dumps(package).encode())
    show(platform, "", 0)


def show(platform: Platform, text: str, at: float) -> None:
    """Show a text to everybody who has JupyterLab open, until another one comes; an empty one takes it away.

    Args:
        platform: This machine.
        text: What to say; `{time}` becomes `at` in the reader's own time.
        at: Unix seconds.
    """
    write(platform.path(NOTICE), json.dumps({"text": text, "at": at} if text else {}).encode())
