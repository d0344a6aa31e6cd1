"""Machines that really boot, shared by the tests of this folder.

For a test of your own: take `guest`, a machine that has booted and is ready (leave it so: running, its way
out open, its JupyterLab up), or `cloud`, to make another one with `cloud.up(name)`. `guest.py` has what both
offer. The first use makes an image (about 40 s, once for ever) and boots it (about 30 s).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import CommandLine, private_environment
from tests.machine.real.guest import Cloud, Guest, image_or_skip

from ds_ec2_local.instances.booted.image import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def cloud_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Recipe], Cloud]]:
    """Return the embedded AWS whose instances boot an image; one for each image."""
    clouds: dict[Recipe, Cloud] = {}

    def make(recipe: Recipe) -> Cloud:
        if recipe not in clouds:
            image = image_or_skip(recipe)
            home = tmp_path_factory.mktemp("boot")
            environment = private_environment(home) | {"DS_EC2_LOCAL_BOOT_IMAGE": str(image)}
            command = CommandLine(environment, ("--local",))
            clouds[recipe] = Cloud(command, home / "state" / "ds-ec2" / "local")
        return clouds[recipe]

    yield make
    for cloud in clouds.values():
        cloud.ds_ec2("local", "stop")


@pytest.fixture(scope="session")
def cloud(cloud_of: Callable[[Recipe], Cloud]) -> Cloud:
    """The embedded AWS whose instances boot Debian 12 with the account `ec2-user`."""
    return cloud_of(Recipe())


@pytest.fixture(scope="session")
def guest(cloud: Cloud) -> Guest:
    """One machine that has booted and is ready: take what it says, leave it running."""
    return cloud.up("work")
