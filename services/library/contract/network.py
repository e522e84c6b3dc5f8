"""An existing network, given as values: a lookup would need credentials, and its result could change between synths."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from services.library.contract.constraints import Items, Matches, validate_fields

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from constructs import Construct


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One VPC of one account and region."""

    vpc_id: Annotated[str, Matches(r"vpc-[0-9a-z]+", "the id of a VPC, vpc-...")]
    availability_zones: Annotated[tuple[str, ...], Items(1, 8)]
    private_subnet_ids: tuple[Annotated[str, Matches(r"subnet-[0-9a-z]+", "the id of a subnet, subnet-...")], ...]
    """One for each availability zone, in the same order."""
    security_group_ids: tuple[Annotated[str, Matches(r"sg-[0-9a-z]+", "the id of a security group, sg-...")], ...] = ()
    """Of whom functions in the network are: what they reach, and what lets them in."""

    def __post_init__(self) -> None:
        for found in validate_fields(self):
            raise ValueError(f"Network {self.vpc_id!r}: {found.sentence}")
        if len(self.availability_zones) != len(self.private_subnet_ids):
            raise ValueError(
                f"Network {self.vpc_id}: {len(self.private_subnet_ids)} private_subnet_ids for"
                f" {len(self.availability_zones)} availability_zones; give one for each."
            )

    def vpc(self, scope: "Construct", id_: str) -> "ec2.IVpc":
        """Import the network into a stack as a CDK VPC."""
        from aws_cdk import aws_ec2 as ec2  # noqa: PLC0415 - commands read the accounts, and must not wait for the CDK

        return ec2.Vpc.from_vpc_attributes(
            scope,
            id_,
            vpc_id=self.vpc_id,
            availability_zones=list(self.availability_zones),
            private_subnet_ids=list(self.private_subnet_ids),
        )
