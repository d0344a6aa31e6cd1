"""What would be done, as frozen values: read only to make, complete to show, print as JSON and price."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ds_ec2.model.bill import Bill
from ds_ec2.model.offers import Market

if TYPE_CHECKING:
    from ds_ec2.model.attempts import Attempt
    from ds_ec2.model.bill import Price
    from ds_ec2.model.environment import Document
    from ds_ec2.model.instances import InstanceType
    from ds_ec2.model.machine import Machine
    from ds_ec2.model.offers import Offers
    from ds_ec2.model.permissions import Denial
    from ds_ec2.model.requests import DataFate, UpRequest
    from ds_ec2.model.spent import Spent


class StackAction(StrEnum):
    """What an apply does about a stack."""

    MAKE = "make"
    KEEP = "keep"
    """It is there, and right."""
    REMAKE = "remake"
    """An earlier attempt failed: what is left of it is removed first."""
    WAIT = "wait"
    """Somebody else is making it: wait, then use it."""
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One stack.

    Args:
        name: The stack's name.
        part: `network`, `data` or `machine`; the name of its template.
        action: What is done about it.
        parameters: (name, value) pairs that are known now.
        later: Names of parameters whose values come from the outputs of stacks before it.
        status: CloudFormation's word for the stack that is there, or empty.
    """

    name: str
    part: str
    action: StackAction
    parameters: tuple[tuple[str, str], ...] = ()
    later: tuple[str, ...] = ()
    status: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An Amazon machine image.

    Args:
        id: `ami-...`.
        name: Its name.
        architecture: `x86_64` or `arm64`.
        root_device: Device name of its root volume.
        root_gib: Size of its root snapshot: the least a root volume can be.
        source: The SSM public parameter it was found by, or `--image`.
    """

    id: str
    name: str
    architecture: str
    root_device: str
    root_gib: int
    source: str


@dataclass(frozen=True, slots=True)
class Quota:
    """A verdict on the account's vCPU quota.

    Args:
        code: `L-1216C47A`; empty where the family has no known quota.
        limit: vCPUs allowed; None where it could not be read.
        used: vCPUs of this class that run now.
        needed: vCPUs of the machine.
    """

    code: str
    limit: float | None
    used: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the machine fits; an unknown limit counts as enough, since EC2 has the last word."""
        return self.limit is None or self.used + self.needed <= self.limit


@dataclass(frozen=True, slots=True)
class UpPlan:
    """Everything `up` would do.

    Args:
        request: What was asked.
        owner: Short name of the owner.
        account_id: AWS account.
        region: Where.
        zone: Availability zone of the machine and its data.
        type: The instance type.
        image: The image.
        root_gib: Root volume.
        data_gib: Data volume: the existing one's size where data is re-used.
        network: The shared network stack.
        data: The data stack.
        machine: The machine stack.
        packages: The environment's document as it travels: a list, or the reference to an archive.
        document: The document; None where an earlier machine's is used again.
        market: On demand or spot.
        price: Of the instance, per hour; None where it is not known.
        on_demand: Of the same type on demand.
        bill: What it costs, the network's share included.
        quota: Verdict, or None where quotas cannot be read.
        offers: What the type was chosen from; None where it was named.
        attempts: What is tried in this order, as far as AWS has no capacity; the first is the above.
        denied: What IAM would deny of what is to be made.
        notes: Sentences worth reading before saying yes.
    """

    request: UpRequest
    owner: str
    account_id: str
    region: str
    zone: str
    type: InstanceType
    image: Image
    root_gib: int
    data_gib: int
    network: StackPlan
    data: StackPlan
    machine: StackPlan
    packages: str
    document: Document | None
    market: Market = Market.ON_DEMAND
    price: Price | None = None
    on_demand: Price | None = None
    bill: Bill = field(default_factory=Bill)
    quota: Quota | None = None
    offers: Offers | None = None
    attempts: tuple[Attempt, ...] = ()
    denied: tuple[Denial, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What `network up` would do."""

    stack: StackPlan
    account_id: str
    region: str
    zones: tuple[str, ...]
    bill: Bill = field(default_factory=Bill)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """The shared network of a region, as its stack tells it.

    Args:
        region: Where.
        stack_status: CloudFormation's word.
        vpc_id: Its VPC.
        zones: Availability zones, in the order of `subnets`.
        subnets: Private subnets, one a zone.
        security_group: The machines' security group.
        bucket: The transit bucket.
        way_out: `nat-instance`, `nat-gateway` or `none`.
        way_out_instance: Instance id of the NAT instance, or empty.
        way_out_state: EC2's word for that instance, or empty.
        machines: Names of the machines on it.
        bill: What it costs.
        usd_per_hour: What it costs now; the bill says what it costs running and stopped.
        spent: What its way out has cost so far, where that was asked for.
    """

    region: str
    stack_status: str
    vpc_id: str
    zones: tuple[str, ...]
    subnets: tuple[str, ...]
    security_group: str
    bucket: str
    way_out: str
    way_out_instance: str = ""
    way_out_state: str = ""
    machines: tuple[str, ...] = ()
    bill: Bill = field(default_factory=Bill)
    usd_per_hour: float | None = None
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class NetworkDownPlan:
    """What `network down` would remove. Only made when no machine is on the network."""

    stack: StackPlan
    network: Network
    objects: int
    """Number of objects in the transit bucket, which go with it."""


@dataclass(frozen=True, slots=True)
class RetypePlan:
    """What `start --instance-type` would change.

    Args:
        machine: The machine, stopped.
        type: Its new type.
        price: Of the type, per hour; None where it is not known.
    """

    machine: Machine
    type: InstanceType
    price: Price | None


@dataclass(frozen=True, slots=True)
class LabPlan:
    """What `lab` would do.

    Args:
        machine: The machine.
        needs_start: It is stopped: a question for the user.
        local_port: The port on this computer; 0 for any free one.
    """

    machine: Machine
    needs_start: bool
    local_port: int = 0


@dataclass(frozen=True, slots=True)
class DownPlan:
    """What `down` would remove.

    Args:
        machine: The machine.
        stacks: Stacks in the order of their removal.
        data_volume: Id of the data volume, or empty.
        data_gib: Its size.
        data: The volume's fate; None is a question for the user (`dataclasses.replace` answers it).
        others: Names of other machines on the network, which stays for them.
        snapshot_usd_per_month: The most a kept snapshot costs.
        network_usd_per_month: What the network costs when no machine runs, None where there is none.
        notes: Sentences worth reading before saying yes.
    """

    machine: Machine
    stacks: tuple[StackPlan, ...]
    data_volume: str
    data_gib: int
    data: DataFate | None
    others: tuple[str, ...] = ()
    snapshot_usd_per_month: float = 0.0
    network_usd_per_month: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something tagged that is still there after a removal.

    Args:
        kind: `snapshot`, `volume`, `spot request`, `instance`, `network interface`, `parameter`, `stack`.
        id: Its id.
        usd_per_month: What it costs, None where unknown or nothing.
        meant: It was asked for (a kept snapshot).
    """

    kind: str
    id: str
    usd_per_month: float | None = None
    meant: bool = False


@dataclass(frozen=True, slots=True)
class DownResult:
    """What is left after `down`, looked up by tags.

    Args:
        name: The machine that is gone.
        leftovers: What is still there and tagged as the machine's.
        network_stays: The network is left, for other machines or the next one.
        others: Names of other machines.
        spent: What the machine has cost until its removal.
        network_usd_per_month: What the network costs when no machine runs, None where there is none.
    """

    name: str
    leftovers: tuple[Leftover, ...]
    network_stays: bool
    others: tuple[str, ...] = ()
    spent: Spent | None = None
    network_usd_per_month: float | None = None


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The embedded AWS on this computer.

    Args:
        running: It answers.
        endpoint_url: Where, or empty.
        pid: Its process, or 0.
        isolation: `namespaces` or `directory`.
        started_at: ISO 8601, or empty.
        state_dir: Where it keeps its state.
        log: Its log file.
    """

    running: bool
    endpoint_url: str
    pid: int
    isolation: str
    started_at: str
    state_dir: str
    log: str
