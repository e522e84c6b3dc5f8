"""Tells an on-failure destination of discarded records as the function's role, by the APIs that everybody uses."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.cloud.emulator import AwsError, Emulator
from pipeline.local.cloud.iam.permissions import Permissions

Json = dict[str, Any]
SERVICE = "lambda.amazonaws.com"


class UndeliveredError(Exception):
    """The destination did not take it."""


class Destinations:
    """Queues, topics and buckets."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.clients: dict[tuple[str, str, str], Any] = {}

    def send(self, arn: str, *, function: Json, region: str, document: Json, whole: Json, key: str) -> None:
        """Send the document to a queue or a topic, or the whole to a bucket, under the key."""
        _, _, service, its_region, owner, name = arn.split(":", 5)
        client = self._client(service, function, its_region or region)
        try:
            if service == "sqs":
                url = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner)["QueueUrl"]
                client.send_message(QueueUrl=url, MessageBody=json.dumps(document))
            elif service == "sns":
                client.publish(TopicArn=arn, Message=json.dumps(document))
            elif service == "s3":
                client.put_object(Bucket=name, Key=key, Body=json.dumps(whole).encode(), ContentType="application/json")
            else:
                raise UndeliveredError(f"{arn} is neither a queue nor a topic nor a bucket")
        except (ClientError, BotoCoreError) as error:
            raise UndeliveredError(f"{arn}: {error}") from error

    def _client(self, service: str, function: Json, region: str) -> Any:
        role, name = str(function["Role"]), str(function["FunctionName"])
        which, permissions = (service, role, region), self.emulator.part(Permissions)
        try:
            permissions.check_trust(role, SERVICE)
            if which not in self.clients:
                session = permissions.start_session(role, name, service=SERVICE)
                self.clients[which] = self.emulator.client_of(session, service, region=region)
        except AwsError as error:
            raise UndeliveredError(error.message) from error
        return self.clients[which]
