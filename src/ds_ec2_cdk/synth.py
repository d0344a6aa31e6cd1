"""`python -m ds_ec2_cdk.synth`: write templates and code into the package, or check that they are fresh."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

TEMPLATES: Final = Path(__file__).parents[1] / "ds_ec2" / "templates"
PARTS: Final = ("network", "data", "machine")
CODE: Final = "code"
"""Beside the templates: the values of the machine template's parameters for its code."""
_WIDTH: Final = 160
_PROPERTY: Final = 4
"""Depth of a property's value in a template: below `Resources`, a resource, `Properties`."""
TEMPLATE_LIMIT: Final = 51_200
"""Bytes of a TemplateBody.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""


def synthesise() -> dict[str, str]:
    """Return the texts by name, the templates' and `code`: the same bytes from the same sources."""
    # cfn-lint checks the templates in the tests; the synthesis' own checks take as long as all the rest.
    os.environ.setdefault("CDK_VALIDATION", "false")
    import aws_cdk as cdk

    from ds_ec2_cdk.embed import code_values
    from ds_ec2_cdk.stacks import DataStack, MachineStack, NetworkStack

    with tempfile.TemporaryDirectory(prefix="ds-ec2-synth-") as folder:
        app = cdk.App(outdir=folder, analytics_reporting=False, tree_metadata=False)
        for part, stack in zip(PARTS, (NetworkStack, DataStack, MachineStack), strict=True):
            stack(app, part)
        app.synth()
        paths = {part: Path(folder) / f"{part}.template.json" for part in PARTS}
        documents = {part: json.loads(path.read_text(encoding="utf-8")) for part, path in paths.items()}
    return {name: _text(document) for name, document in (documents | {CODE: code_values()}).items()}


def _text(document: dict[str, Any]) -> str:
    return _laid_out(document) + "\n"


def _laid_out(value: Any, depth: int = 0) -> str:
    """Return JSON in which what fits stands on one line, and each property of a resource in any case.

    That is where a difference is looked for; more lines would add white space alone.
    """
    flat = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not isinstance(value, dict | list) or len(flat) + depth <= _WIDTH or depth == _PROPERTY:
        return flat
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_laid_out(one, depth + 1)}" for key, one in value.items()]
    else:
        items = [_laid_out(one, depth + 1) for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = ",\n".join(" " * (depth + 1) + item for item in items)
    return f"{opening}\n{lines}\n{' ' * depth}{closing}"


def user_data_text(template: dict[str, Any], resource: str = "Instance") -> str:
    """Return the user data of an instance in a template, with CloudFormation's placeholders in it."""
    text: Any = template["Resources"][resource]["Properties"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    return str(text if isinstance(text, str) else text[0])


def main(arguments: list[str] | None = None) -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ds_ec2_cdk.synth", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a template differs")
    parser.add_argument("--out", type=Path, default=TEMPLATES, metavar="DIR", help="folder of the templates")
    chosen = parser.parse_args(arguments)
    texts = synthesise()
    differing = [part for part, text in texts.items() if _read(chosen.out / f"{part}.json") != text]
    if not chosen.check:
        chosen.out.mkdir(parents=True, exist_ok=True)
        for part, text in texts.items():
            (chosen.out / f"{part}.json").write_text(text, encoding="utf-8")
    lines = [f"{part}.json: {len(texts[part].encode()):,} of {TEMPLATE_LIMIT:,} bytes" for part in PARTS]
    values = json.loads(texts[CODE]).values()
    lines.append(f"code: {sum(map(len, values)):,} characters in {len(values)} of 200 parameters")
    data = user_data_text(json.loads(texts["machine"]))
    lines.append(f"user data: {len(data.encode()):,} of 16,384 bytes, before its placeholders are filled")
    sys.stdout.write("\n".join(lines) + "\n")
    if not chosen.check:
        return 0
    if differing:
        names = ", ".join(f"{part}.json" for part in differing)
        sys.stderr.write(f"not what the sources give: {names}; run: make synth\n")
    return 1 if differing else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
