"""Small templates of SSM parameters, the cheapest resource."""

from __future__ import annotations

import json
from typing import Any


def parameter(value: Any = "x", **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **attributes}


def template(resources: dict[str, Any] | None = None, **sections: Any) -> str:
    return json.dumps({"Resources": {"P": parameter()} if resources is None else resources, **sections})


BAD = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "Nonsense", "Value": "x"}}
"""A resource whose creation Parameter Store refuses."""
