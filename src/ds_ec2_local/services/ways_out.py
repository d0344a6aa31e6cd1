"""Which instances reach the internet, and which reach Systems Manager, by the tables of their VPC."""

from __future__ import annotations

from typing import Any, Final

EVERYWHERE: Final = "0.0.0.0/0"
SSM_ENDPOINTS: Final = ("ssm", "ssmmessages")
"""Source: Systems Manager's guide to VPC endpoints; `ec2messages` is needed no more."""


def has_way_out(backend: Any, instance: Any) -> bool:
    """Return whether an instance's default route leads out now.

    Args:
        backend: moto's EC2 of the region.
        instance: moto's instance.
    """
    route = _default_route(backend, instance.subnet_id)
    if route is None:
        return False
    if route.gateway is not None and route.gateway.id.startswith("igw-"):
        return instance.public_ip is not None
    if route.nat_gateway is not None:
        nat = route.nat_gateway
        return nat.state == "available" and _is_public(backend, nat.subnet_id)
    router = route.instance or (route.interface.instance if route.interface is not None else None)
    return router is not None and _forwards(backend, router)


def has_ssm_endpoints(backend: Any, instance: Any) -> bool:
    """Return whether the instance's VPC has what the agent needs without a way out."""
    wanted = {f"com.amazonaws.{backend.region_name}.{service}" for service in SSM_ENDPOINTS}
    there = {
        endpoint.service_name
        for endpoint in backend.vpc_end_points.values()
        if endpoint.vpc_id == instance.vpc_id
        and endpoint.vpc_endpoint_type == "Interface"
        and endpoint.state == "available"
    }
    return wanted <= there


def _forwards(backend: Any, router: Any) -> bool:
    """Return whether a NAT instance is up, allowed to forward, and has a way of its own."""
    checked = router.source_dest_check and all(nic.source_dest_check for nic in router.nics.values())
    return (
        router.state == "running"
        and not checked
        and router.public_ip is not None
        and _is_public(backend, router.subnet_id)
    )


def _is_public(backend: Any, subnet_id: str) -> bool:
    route = _default_route(backend, subnet_id)
    return route is not None and route.gateway is not None and route.gateway.id.startswith("igw-")


def _default_route(backend: Any, subnet_id: str | None) -> Any:
    """Return a subnet's route to everywhere, or None."""
    if subnet_id is None:
        return None
    table = _table(backend, subnet_id)
    if table is None:
        return None
    return next((r for r in table.routes if r.destination_cidr_block == EVERYWHERE), None)


def _table(backend: Any, subnet_id: str) -> Any:
    """Return the route table of a subnet: its own, or the main one of its VPC."""
    vpc = backend.get_subnet(subnet_id).vpc_id
    tables = [table for table in list(backend.route_tables.values()) if table.vpc_id == vpc]
    for table in tables:
        if subnet_id in table._associations.values():  # noqa: SLF001 - moto tells it no other way
            return table
    return next((table for table in tables if table.main_association_id is not None), None)
