"""A Kinesis data stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from services.library.constructs.key import TO_READ, TO_WRITE, Key
from services.library.contract import defaults
from services.library.contract.constraints import require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

SHORTEST_HOURS, LONGEST_HOURS = 168, 8_760
"""https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""
MOST_SHARDS = 10_000
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html"""
ON_DEMAND_SHARDS = 4
"""What AWS gives a new stream on demand, for 4 MB or 4,000 records a second; it adds some as the load grows.
https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html"""
READ = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
WRITE = ("kinesis:PutRecord", "kinesis:PutRecords")


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """Settings of a stream."""

    shards: int | None = None
    """Each takes 1 MB or 1,000 records a second. None: on demand, at a higher price for each."""
    retention: cdk.Duration = field(default_factory=lambda: cdk.Duration.hours(SHORTEST_HOURS))
    """How long a record can be read again. Must outlast the consumer's retries and an operator's time to mend."""

    def __post_init__(self) -> None:
        require_valid(self)
        hours = whole(self.retention, "hours", "StreamSettings: retention")
        if not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
            raise ValueError(
                f"StreamSettings: retention={hours:.0f} h is not allowed; give {SHORTEST_HOURS} to {LONGEST_HOURS} h:"
                " retries, the destination and an operator need a week, and Kinesis keeps nothing for over a year."
            )
        if self.shards is not None and not 1 <= self.shards <= MOST_SHARDS:
            raise ValueError(
                f"StreamSettings: shards={self.shards} is not allowed; give 1 to {MOST_SHARDS}, or None for a stream on"
                " demand: a stream without shards takes no record, and Kinesis makes no more of them."
            )

    @property
    def shards_at_first(self) -> int:
        """Return how many shards the stream begins with."""
        return ON_DEMAND_SHARDS if self.shards is None else self.shards


class Stream(Construct):
    """Records in the order of their partition key: encrypted with a key of its own, retained in production."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, settings: StreamSettings | None = None
    ) -> None:
        super().__init__(scope, id_)
        self.settings = settings or StreamSettings()
        self.encryption_key = Key(self, "Key", environment=environment, description="Records of a stream")
        shards = self.settings.shards
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND if shards is None else kinesis.StreamMode.PROVISIONED,
            shard_count=shards,
            retention_period=self.settings.retention,
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self.encryption_key.key,
            removal_policy=defaults.for_environment(environment).removal_policy,
        )

    @property
    def name(self) -> str:
        """Return the name, for a variable of whom `grant_write` lets in."""
        return self.stream.stream_name

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Grant reading records; the key may be used through Kinesis alone, unlike with the CDK's own grants."""
        self._grant(grantee, READ, TO_READ)

    def grant_write(self, grantee: iam.IGrantable) -> None:
        """Grant putting records."""
        self._grant(grantee, WRITE, TO_WRITE)

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str], of_key: Sequence[str]) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.stream.stream_arn])
        self.encryption_key.grant_through("kinesis", grantee, *of_key)
