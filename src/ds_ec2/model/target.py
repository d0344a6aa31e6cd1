"""Which AWS a command talks to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, as the user said it.

    Args:
        region: `--region`; None leaves it to the profile and the environment.
        profile: `--profile`.
        local: The embedded AWS on this computer.
    """

    region: str | None = None
    profile: str | None = None
    local: bool = False

    @property
    def flags(self) -> str:
        """The options that name this target, for hints that can be pasted: ` --local`, or empty."""
        parts = [" --local"] if self.local else []
        if self.profile:
            parts.append(f" --profile {self.profile}")
        if self.region:
            parts.append(f" --region {self.region}")
        return "".join(parts)
