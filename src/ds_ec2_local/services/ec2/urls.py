"""Where moto finds the calls of EC2."""

from __future__ import annotations

from moto.ec2.urls import url_bases

from ds_ec2_local.services.ec2.responses import LocalEC2Response

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/": LocalEC2Response.dispatch}
