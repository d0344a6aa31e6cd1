"""Floor 2: Session Manager's data channel, and what travels through it."""

from ds_ec2.tunnel.ask import ControlRoad, ask
from ds_ec2.tunnel.port_forward import PortForward
from ds_ec2.tunnel.proxy import run_proxy
from ds_ec2.tunnel.shell import run_shell

__all__ = ["ControlRoad", "PortForward", "ask", "run_proxy", "run_shell"]
