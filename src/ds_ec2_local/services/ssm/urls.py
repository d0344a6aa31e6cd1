"""Where moto finds the calls of SSM."""

from __future__ import annotations

from moto.ssm.urls import url_bases

from ds_ec2_local.services.ssm.responses import LocalSSMResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalSSMResponse.dispatch}
