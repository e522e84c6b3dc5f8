"""Where submissions are kept. The one module here that knows AWS."""

import json
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .submission import Submission


class SubmissionStore:
    """Keeps each submission once, by its id."""

    def __init__(self, table_name: str, *, client: Any = None) -> None:
        self.table_name = table_name
        self.client = client or boto3.client("dynamodb")

    def keep(self, submission: Submission) -> bool:
        """Keep it; False if it was kept before, which a retried task does."""
        try:
            self.client.put_item(
                TableName=self.table_name,
                Item={
                    "id": {"S": submission.id},
                    "patient": {"S": submission.patient},
                    "resource": {"S": json.dumps(submission.resource, ensure_ascii=False, sort_keys=True)},
                },
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True
