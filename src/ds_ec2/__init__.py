"""ds-ec2 on the laptop: argv in, a machine on AWS out."""

from typing import Final

__version__: Final = "0.1.0"
