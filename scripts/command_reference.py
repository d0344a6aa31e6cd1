"""Write docs/reference/commands.md from the commands' own --help; --check says if it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ds_ec2.cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"


def pages(command: click.Command, path: str, parent: click.Context | None) -> list[str]:
    """Return the help of a command and of those below it, as Markdown sections."""
    context = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=parent, max_content_width=100)
    context.terminal_width = 100
    sections = [f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                sections += pages(below, f"{path} {name}", context)
    return sections


def main() -> int:
    """Write the page, or compare it."""
    text = "# Commands\n\nMade from `--help` by `make docs`.\n\n" + "\n".join(pages(cli, "ds-ec2", None))
    if "--check" in sys.argv:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
