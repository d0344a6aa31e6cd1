"""Instances that really boot: systemd, cloud-init and sshd of an image, in `systemd-nspawn`, for tests.

See docs/decisions/0060-instances-that-really-boot.md.
"""
