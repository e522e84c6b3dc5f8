"""The manual approval action: it tells a topic, and then waits for PutApprovalResult.

https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html
"""

import json

from pipeline.local.cloud.codepipeline.work import Done, Work


def ask(work: Work) -> Done:
    """Publish the request, in AWS's format for it; the answer comes by the API."""
    topic = work.configuration.get("NotificationArn")
    if topic is not None:
        message = {
            "region": work.home_region,
            "consoleLink": f"{work.console}/codesuite/codepipeline/pipelines/{work.declaration.name}/view",
            "approval": {
                "pipelineName": work.declaration.name,
                "stageName": work.stage,
                "actionName": work.action.name,
                "token": work.token,
                "customData": work.configuration.get("CustomData"),
                "externalEntityLink": work.configuration.get("ExternalEntityLink"),
            },
        }
        work.client("sns").publish(
            TopicArn=topic,
            Subject=f"APPROVAL NEEDED: AWS CodePipeline {work.declaration.name} for action {work.action.name}"[:100],
            Message=json.dumps(message),
        )
    return Done()
