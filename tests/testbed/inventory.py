"""What an account of the local cloud holds, by the APIs of the services and not by what CloudFormation believes."""

from collections.abc import Iterator
from typing import Any

from pipeline.local.lifecycle import LocalCloud


def inventory(cloud: LocalCloud, account: str, region: str) -> set[str]:
    """Everything in the account and region that costs or collides, keys that wait for their deletion excepted."""

    def all_of(service: str, operation: str, path: str, **given: Any) -> Iterator[str]:
        client = cloud.client(service, account, region)
        pages = (
            client.get_paginator(operation).paginate(**given)
            if client.can_paginate(operation)
            else [getattr(client, operation)(**given)]
        )
        list_, key = path.split(".")
        for page in pages:
            yield from (each if key == "-" else each[key] for each in page.get(list_, ()))

    found = {
        f"{service} {name}"
        for service, operation, path, given in (
            ("s3", "list_buckets", "Buckets.Name", {}),
            ("dynamodb", "list_tables", "TableNames.-", {}),
            ("kinesis", "list_streams", "StreamNames.-", {}),
            ("lambda", "list_functions", "Functions.FunctionArn", {}),
            ("lambda", "list_layers", "Layers.LayerArn", {}),
            ("lambda", "list_event_source_mappings", "EventSourceMappings.UUID", {}),
            ("sns", "list_topics", "Topics.TopicArn", {}),
            ("sqs", "list_queues", "QueueUrls.-", {}),
            ("logs", "describe_log_groups", "logGroups.logGroupName", {}),
            ("ssm", "describe_parameters", "Parameters.Name", {}),
            ("iam", "list_roles", "Roles.Arn", {}),
            ("iam", "list_policies", "Policies.Arn", {"Scope": "Local"}),
            ("stepfunctions", "list_state_machines", "stateMachines.stateMachineArn", {}),
            ("events", "list_event_buses", "EventBuses.Name", {}),
            ("events", "list_archives", "Archives.ArchiveName", {}),
            ("apigateway", "get_rest_apis", "items.id", {}),
            ("cloudwatch", "describe_alarms", "MetricAlarms.AlarmArn", {}),
        )
        for name in all_of(service, operation, path, **given)
    }
    kms = cloud.client("kms", account, region)
    for key in all_of("kms", "list_keys", "Keys.KeyId"):
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            found.add(f"kms {key}")
    formation = cloud.client("cloudformation", account, region)
    stacks = formation.describe_stacks()["Stacks"]
    return found | {f"stack {each['StackName']}" for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"}
