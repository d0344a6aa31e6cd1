"""What goes wrong with instances."""


class SandboxError(Exception):
    """An instance cannot be started or changed; the text says why."""


class DialRefusedError(Exception):
    """Nothing answers at the address inside the instance."""


class ShellRefusedError(Exception):
    """The instance starts no such shell."""
