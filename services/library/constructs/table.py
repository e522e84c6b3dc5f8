"""A DynamoDB table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.key import EVERY_USE, TO_READ, Key
from services.library.contract import defaults
from services.library.contract.constraints import Matches, require_valid
from services.library.contract.environment import Environment

LONGEST_KEY_BYTES = 255
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-attributes"""
MOST_INDEXES = 20
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-secondary-indexes"""
READ_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
LIST_STREAMS = "dynamodb:ListStreams"
"""Of all tables: IAM ties it to no resource."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """A global secondary index: the same items by other keys, a moment later."""

    name: Annotated[str, Matches(r"[A-Za-z0-9_.-]{3,255}", "3-255 letters, digits and . _ -")]
    partition_key: str
    sort_key: str | None = None

    def __post_init__(self) -> None:
        require_valid(self)
        _refuse_keys(f"Index {self.name}", partition_key=self.partition_key, sort_key=self.sort_key)


class Table(Construct):
    """A table with one or two string keys, encrypted with the service's key, restorable to any second of 35 days.

    The keys are create-only: with another one CloudFormation makes another, empty table.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the table
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        partition_key: str,
        encryption_key: Key,
        sort_key: str | None = None,
        expires_by: str | None = None,
        indexes: Sequence[Index] = (),
        stream: bool = False,
    ) -> None:
        """Make the table.

        `expires_by`: the attribute with an item's expiry in epoch seconds; None keeps items. `stream`: whether each
        change of an item can be read for a day, by a `StreamConsumer`.
        """
        super().__init__(scope, id_)
        _refuse_keys(self.node.path, partition_key=partition_key, sort_key=sort_key, expires_by=expires_by)
        _refuse_indexes(self.node.path, indexes)
        self.encryption_key = encryption_key
        self.indexes = tuple(indexes)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_string(partition_key),
            sort_key=None if sort_key is None else _string(sort_key),
            time_to_live_attribute=expires_by,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=encryption_key.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
            deletion_protection=environment.keeps_data,
            removal_policy=defaults.for_environment(environment).removal_policy,
        )
        for index in indexes:
            self.table.add_global_secondary_index(
                index_name=index.name,
                partition_key=_string(index.partition_key),
                sort_key=None if index.sort_key is None else _string(index.sort_key),
            )

    @property
    def name(self) -> str:
        """Return the name, for a variable of whom `grant` lets in."""
        return self.table.table_name

    @property
    def stream_arn(self) -> str:
        """Return the ARN of the table's stream. Raises ValueError if it has none."""
        if (arn := self.table.table_stream_arn) is None:
            raise ValueError(f"{self.node.path}: stream=False is not allowed; give stream=True: its changes are read.")
        return arn

    def grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Grant actions on the table and its indexes, and the use of its key through DynamoDB.

        Every caller needs the key:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        arn = self.table.table_arn
        resources = [arn, *(f"{arn}/index/{index.name}" for index in self.indexes)]
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=resources)
        self.encryption_key.grant_through("dynamodb", grantee, *EVERY_USE)

    def grant_read_stream(self, grantee: iam.IGrantable) -> None:
        """Grant reading the table's stream, as Lambda does for a function."""
        iam.Grant.add_to_principal(grantee=grantee, actions=list(READ_STREAM), resource_arns=[self.stream_arn])
        iam.Grant.add_to_principal(grantee=grantee, actions=[LIST_STREAMS], resource_arns=["*"])
        self.encryption_key.grant_through("dynamodb", grantee, *TO_READ)


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _refuse_keys(who: str, **attributes: str | None) -> None:
    """Raise ValueError for names that DynamoDB would refuse, or that would be two things at once."""
    given = {setting: name for setting, name in attributes.items() if name is not None}
    for setting, name in given.items():
        if not 1 <= len(name.encode()) <= LONGEST_KEY_BYTES:
            raise ValueError(
                f"{who}: {setting}={name!r:.80} is not allowed; give 1 to {LONGEST_KEY_BYTES} bytes:"
                " DynamoDB takes no other name of an attribute here."
            )
    if len(set(given.values())) < len(given):
        said = ", ".join(f"{setting}={name!r}" for setting, name in attributes.items())
        raise ValueError(
            f"{who}: {said} is not allowed; give each an attribute of its own: a key that expires would take its items"
            " along."
        )


def _refuse_indexes(who: str, indexes: Sequence[Index]) -> None:
    names = [index.name for index in indexes]
    if len(set(names)) < len(names) or len(names) > MOST_INDEXES:
        raise ValueError(
            f"{who}: indexes={names} is not allowed; give each a name of its own, and {MOST_INDEXES} at most: a table"
            " of DynamoDB has no more."
        )
