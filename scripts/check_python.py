"""Say in one line what is wrong with this Python, before anything is installed with it."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the interpreter that runs this may be any
    version = sys.version.split()[0]
    sys.exit("ds-ec2 needs Python 3.11 or newer; this is " + version + ". Try: make setup PYTHON=python3.11")
