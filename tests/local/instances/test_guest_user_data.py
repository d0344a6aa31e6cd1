"""What of user data is run."""

from __future__ import annotations

import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from ds_ec2_local.instances.guest import user_data
from ds_ec2_local.instances.guest.user_data import Script

SHELL = b"#!/bin/sh\necho hello\n"


def multipart(*parts: tuple[str, str]) -> bytes:
    message = MIMEMultipart()
    for kind, text in parts:
        message.attach(MIMEText(text, kind))
    return message.as_bytes()


def test_a_shell_script() -> None:
    assert user_data.scripts(SHELL) == ([Script("part-001", SHELL)], [])


def test_a_compressed_script() -> None:
    assert user_data.scripts(gzip.compress(SHELL)) == ([Script("part-001", SHELL)], [])


def test_nothing() -> None:
    assert user_data.scripts(b"") == ([], [])


def test_a_multipart_runs_its_scripts_in_order_and_says_what_it_leaves() -> None:
    data = multipart(
        ("cloud-config", "#cloud-config\npackages: [git]"),
        ("x-shellscript", "#!/bin/sh\nfirst"),
        ("plain", "hm"),
    )
    found, notes = user_data.scripts(data)
    assert [script.text for script in found] == [b"#!/bin/sh\nfirst"]
    assert notes == [
        "part 1 is cloud-config: not run by this instance",
        "part 3 (text/plain) is nothing that this instance runs",
    ]


def test_a_multipart_keeps_file_names_without_their_folders() -> None:
    part = MIMEText("#!/bin/sh\n", "x-shellscript")
    part.add_header("Content-Disposition", "attachment", filename="../../etc/passwd")
    message = MIMEMultipart()
    message.attach(part)
    assert user_data.scripts(gzip.compress(message.as_bytes()))[0][0].name == "etcpasswd"


def test_a_script_that_speaks_of_mime_is_a_script() -> None:
    data = b"#!/bin/sh\necho 'MIME-Version: 1.0'\n"
    assert user_data.scripts(data)[0] == [Script("part-001", data)]


def test_broken_compression_is_nothing_that_runs() -> None:
    assert user_data.scripts(b"\x1f\x8bbroken")[0] == []
