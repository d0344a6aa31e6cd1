"""How a session ends."""


class SessionEnded(Exception):  # noqa: N818 - an ending is not always an error
    """The session is over; `output` is the text that the client shows, and may be empty."""

    def __init__(self, output: str = "", *, failed: bool = False) -> None:
        super().__init__(output)
        self.output = output
        self.failed = failed
