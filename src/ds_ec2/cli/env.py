"""`ds-ec2 env apply|show|lock`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ds_ec2.cli.agree import Consent, agreed
from ds_ec2.cli.options import dry_run_option, json_option, target_options, yes_option

if TYPE_CHECKING:
    from ds_ec2.model.target import Target

APPLY = """\b
Example:
  ds-ec2 env apply work requirements.txt
  ds-ec2 env apply work .                   pyproject.toml and uv.lock of this folder
  ds-ec2 env apply work environment.yml
  ds-ec2 env apply work numpy "polars>=1"   these, and JupyterLab
  ds-ec2 env apply work                     what the stack names: after cdk deploy, or a failed start
"""


@click.group("env", epilog="\b\nExample:\n  ds-ec2 env apply work requirements.txt\n  ds-ec2 env show work")
def command() -> None:
    """Change, show or pin the Python environment of a machine."""


@command.command("apply", epilog=APPLY)
@click.argument("name")
@click.argument("document", nargs=-1)
@dry_run_option
@yes_option
@json_option
@target_options
def env_apply(
    target: Target, name: str, document: tuple[str, ...], *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Bring DOCUMENT into force on the machine NAME, which goes on running.

    DOCUMENT is a requirements file, a pyproject.toml (with its uv.lock) or its folder, an environment.yml, or
    the packages themselves. It says all that the environment is to hold, besides JupyterLab. Shows the
    difference and asks. The new environment is built beside the one in force: one that fails changes nothing,
    and what runs keeps its files.
    """
    from ds_ec2.console import environments, output
    from ds_ec2.console.progress import show_steps
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.documents import read_document
    from ds_ec2.operations.environments import apply_environment, plan_environment

    wanted = read_document(document) if document else None
    account = connect(target)
    plan = plan_environment(account, name, wanted)
    if plan.nothing:
        output.show(plan, environments.environment_plan(plan), as_json=as_json)
        return
    words = " ".join(f'"{word}"' if " " in word else word for word in document)
    hint = f"ds-ec2 env apply {name} {words}".rstrip() + f"{target.flags} --yes"
    consent = Consent(dry_run=dry_run, yes=yes, as_json=as_json)
    if not agreed(plan, environments.environment_plan(plan), consent, question="Apply it?", hint=hint):
        return
    result = show_steps(apply_environment(account, plan))
    output.show(result, environments.environment_result(result), as_json=as_json)


@command.command("show", epilog="\b\nExample:\n  ds-ec2 env show work\n  ds-ec2 env show work --json")
@click.argument("name")
@json_option
@target_options
def env_show(target: Target, name: str, *, as_json: bool) -> None:
    """Show what is in force on the machine NAME: document, Python, packages, and how the last apply went."""
    from ds_ec2.console import environments, output
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.environments import show_environment

    state = show_environment(connect(target), name)
    output.show(state, environments.environment_state(state), as_json=as_json)


@command.command("lock", epilog="\b\nExample:\n  ds-ec2 env lock work requirements.lock.txt")
@click.argument("name")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@target_options
def env_lock(target: Target, name: str, file: Path | None) -> None:
    """Write what the machine NAME has as a list of exact versions with hashes, to FILE or standard output.

    Where an environment.yml is in force, it is one, with the builds of conda's packages.

    `ds-ec2 up --packages FILE` and `ds-ec2 env apply NAME FILE` make exactly that again.
    """
    from ds_ec2.console import output
    from ds_ec2.operations.connect import connect
    from ds_ec2.operations.environments import lock_environment

    text = lock_environment(connect(target), name)
    if file is None:
        output.emit(text.rstrip("\n"))
        return
    file.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    output.say(f"{file} has {sum(line.count('=') > 1 for line in lines)} packages")
    if "dependencies:" in lines and file.suffix not in {".yml", ".yaml"}:
        output.say(f"it is an environment.yml: call it {file.with_suffix('.yml').name} to apply it")
