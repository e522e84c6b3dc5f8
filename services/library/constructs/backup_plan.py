"""Backups of a service's tables, which nobody who can change the service can delete."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import EVERY_USE, TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.table import Table
from services.library.contract import deployment
from services.library.contract.environment import Environment

DAILY_RETENTION = cdk.Duration.days(35)
MONTHLY_RETENTION = cdk.Duration.days(365)
LONGEST_VAULT_NAME, SUFFIX = 50, 9
"""Of a vault's name; and of it what tells the creations of a stack apart.

https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
"""


class BackupPlan(Construct):
    """Backs tables up every night and every month, into a vault that lets nobody delete a copy before its time.

    Restores to a second of the last 35 days come from the table itself; this is for what is noticed later, and for a
    deleted table. The account needs AWS Backup's own DynamoDB backups, on by default in accounts since November 2021:
    https://docs.aws.amazon.com/aws-backup/latest/devguide/advanced-ddb-backup.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        tables: Sequence[Table],
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        if not environment.keeps_data:
            raise ValueError(
                f"{self.node.path}: environment={environment.name!r} is not allowed; back up in production tiers alone:"
                " elsewhere data goes with its stack, which could never be deleted with a vault that holds a copy."
            )
        if not tables:
            raise ValueError(
                f"{self.node.path}: tables={tables!r} is not allowed; give at least one table: without any a plan"
                " copies nothing, and nobody would notice."
            )
        key = Key(self, "Key", environment=environment, description="Backups")
        self.vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=self._vault_name(),
            encryption_key=key.key,
            lock_configuration=backup.LockConfiguration(min_retention=DAILY_RETENTION),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        plan = backup.BackupPlan(
            self,
            "Plan",
            backup_vault=self.vault,
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name="Daily",
                    schedule_expression=events.Schedule.cron(hour="3", minute="0"),
                    delete_after=DAILY_RETENTION,
                ),
                backup.BackupPlanRule(
                    rule_name="Monthly",
                    schedule_expression=events.Schedule.cron(day="1", hour="4", minute="0"),
                    delete_after=MONTHLY_RETENTION,
                ),
            ],
        )
        backup.BackupSelection(
            self,
            "Selection",
            backup_plan=plan,
            resources=[backup.BackupResource.from_dynamo_db_table(table.table) for table in tables],
            role=self._role(tables, key),
            disable_default_backup_policy=True,
        )
        self._notify_of_failures(environment, alarms_to)

    def _vault_name(self) -> str:
        """CloudFormation gives a vault no name of its own making."""
        unique = cdk.Names.unique_resource_name(self, max_length=LONGEST_VAULT_NAME - SUFFIX)
        return f"{unique}{deployment.creation_suffix()}"

    def _role(self, tables: Sequence[Table], key: Key) -> iam.IRole:
        """Make the role, with AWSBackupServiceRolePolicyForBackup's permissions for DynamoDB on these tables alone.

        Copies of an account that has not opted in to AWS Backup's own are DynamoDB's, which the role follows and ends:
        https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForBackup.html
        """
        role = Role(self, "Role", service="backup.amazonaws.com")
        for table in tables:
            table.grant(
                role,
                "dynamodb:CreateBackup",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "dynamodb:StartAwsBackupJob",
            )
            role.add_to_principal_policy(
                iam.PolicyStatement(
                    actions=["dynamodb:DeleteBackup", "dynamodb:DescribeBackup"],
                    resources=[f"{table.table.table_arn}/backup/*"],
                )
            )
        key.grant_through("backup", role, *EVERY_USE)
        return role

    def _notify_of_failures(self, environment: Environment, alarms_to: NotificationTopic) -> None:
        """Notify of failed jobs, which nobody would notice before a restore is needed."""
        alarms_to.key.grant_to_service("events.amazonaws.com", *TO_SEND)
        Key.for_operations(self, environment=environment).grant_to_service("events.amazonaws.com", *TO_SEND)
        undelivered = DeadLetterQueue.of(self, environment=environment, alarms_to=alarms_to)
        events.Rule(
            self,
            "Failed",
            event_pattern=events.EventPattern(
                source=["aws.backup"],
                detail_type=["Backup Job State Change"],
                detail={
                    "state": ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"],
                    "backupVaultName": [self.vault.backup_vault_name],
                },
            ),
            targets=[targets.SnsTopic(alarms_to.topic, dead_letter_queue=undelivered.queue)],
        )
