"""Copies are made, kept, and missed if they are not made."""

import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.table import Table
from services.library.constructs.tests.conftest import StackScope
from services.library.contract.environment import Environment, Tier


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    table = Table(
        production.stack,
        "Seen",
        environment=production.environment,
        partition_key="id",
        encryption_key=production.key,
    )
    BackupPlan(
        production.stack,
        "Backups",
        environment=production.environment,
        tables=[table],
        alarms_to=production.alarms,
    )
    return production.template()


def test_each_table_is_copied_nightly_for_as_long_as_it_can_be_restored_and_monthly_for_a_year(
    template: Template,
) -> None:
    template.has_resource_properties(
        "AWS::Backup::BackupPlan",
        {
            "BackupPlan": {
                "BackupPlanRule": [
                    Match.object_like({"RuleName": "Daily", "Lifecycle": {"DeleteAfterDays": 35}}),
                    Match.object_like({"RuleName": "Monthly", "Lifecycle": {"DeleteAfterDays": 365}}),
                ]
            }
        },
    )
    template.has_resource_properties(
        "AWS::Backup::BackupSelection",
        {
            "BackupSelection": Match.object_like(
                {"Resources": [{"Fn::GetAtt": [Match.string_like_regexp("^SeenTable"), "Arn"]}]}
            )
        },
    )


def test_no_copy_can_be_deleted_before_its_time_and_the_vault_outlives_its_stack(template: Template) -> None:
    template.has_resource(
        "AWS::Backup::BackupVault",
        {
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"LockConfiguration": {"MinRetentionDays": 35}, "EncryptionKeyArn": Match.any_value()},
        },
    )


def test_backup_plan_follows_and_ends_dynamodbs_own_copies_of_its_tables(template: Template) -> None:
    copies = [{"Fn::GetAtt": [Match.string_like_regexp("^SeenTable"), "Arn"]}, "/backup/*"]
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Action": ["dynamodb:DeleteBackup", "dynamodb:DescribeBackup"],
                            "Effect": "Allow",
                            "Resource": {"Fn::Join": ["", copies]},
                        }
                    ]
                )
            }
        },
    )


def test_backup_plan_notifies_of_failed_jobs(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.backup"],
                "detail-type": ["Backup Job State Change"],
                "detail": {
                    "state": ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"],
                    "backupVaultName": Match.any_value(),
                },
            },
            "Targets": [Match.object_like({"Arn": {"Ref": Match.string_like_regexp("^Alarms")}})],
        },
    )


def test_backup_plan_refuses_a_sandbox(scratch: StackScope) -> None:
    sandbox = Environment(name="dev", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")
    with pytest.raises(ValueError, match="environment='dev' is not allowed; back up in production tiers alone"):
        BackupPlan(scratch.stack, "Wrong", environment=sandbox, tables=[], alarms_to=scratch.alarms)
