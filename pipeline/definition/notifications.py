"""Who hears of a failed run, and of one that waits for them."""

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

KEPT = cdk.Duration.days(14)


def undelivered_queue(scope: Construct) -> sqs.Queue:
    """Where the events end that a rule could not deliver."""
    return sqs.Queue(
        scope, "Undelivered", encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True, retention_period=KEPT
    )


class Notifications(Construct):
    """A topic to subscribe to, and the rules that write to it."""

    def __init__(self, scope: Construct, id_: str, *, pipeline: codepipeline.IPipeline) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key(self, "Key", description="Notifications of the pipeline", enable_key_rotation=True)
        # EventBridge cannot publish to a topic that is encrypted with the account's default key.
        self.key.grant(iam.ServicePrincipal("events.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey")
        self.topic = sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True)
        # An event that could not be delivered is kept for whoever looks into it: a notification, or the start of a run.
        self.undelivered = undelivered_queue(self)
        name = events.EventField.from_path("$.detail.pipeline")
        execution = events.EventField.from_path("$.detail.execution-id")
        pipeline.on_state_change(
            "Failed",
            event_pattern=events.EventPattern(detail={"state": ["FAILED"]}),
            target=targets.SnsTopic(
                self.topic,
                dead_letter_queue=self.undelivered,
                # What goes back, and how, has to be computed: the rule knows no more than the run.
                message=events.RuleTargetInput.from_text(
                    f"Pipeline {name}: execution {execution} failed. What failed, what goes back by itself, and what"
                    f" by which command:  penstock status --execution {execution}"
                ),
            ),
        )
        stage = events.EventField.from_path("$.detail.stage")
        asked = f"Pipeline {name}: execution {execution} waits for approval of {stage}."
        cancelled = (
            f"Pipeline {name}: execution {execution} waits for approval of {stage} no more. An update of the pipeline"
            " cancelled it; the run of the newer commit asks again."
        )
        self._tell_of_approvals("ApprovalNeeded", state="STARTED", text=asked, of=pipeline)
        self._tell_of_approvals("ApprovalCancelled", state="CANCELED", text=cancelled, of=pipeline)
        self._tell_of_holds(name=events.EventField.from_path("$.detail.requestParameters.pipelineName"), of=pipeline)

    def _tell_of_approvals(self, id_: str, *, state: str, text: str, of: codepipeline.IPipeline) -> None:
        events.Rule(
            self,
            id_,
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                resources=[of.pipeline_arn],
                detail_type=["CodePipeline Action Execution State Change"],
                detail={"state": [state], "type": {"category": ["Approval"]}},
            ),
            targets=[
                targets.SnsTopic(
                    self.topic,
                    dead_letter_queue=self.undelivered,
                    message=events.RuleTargetInput.from_text(text),
                )
            ],
        )

    def _tell_of_holds(self, *, name: str, of: codepipeline.IPipeline) -> None:
        """A disabled transition has no event of its own, but CloudTrail tells of the call, whoever made it."""
        stage = events.EventField.from_path("$.detail.requestParameters.stageName")
        who = events.EventField.from_path("$.detail.userIdentity.arn")
        why = events.EventField.from_path("$.detail.requestParameters.reason")
        for id_, call, text in (
            ("Held", "DisableStageTransition", f"Pipeline {name}: {stage} is held by {who}: {why}"),
            ("Resumed", "EnableStageTransition", f"Pipeline {name}: {stage} is no longer held, by {who}."),
        ):
            events.Rule(
                self,
                id_,
                event_pattern=events.EventPattern(
                    source=["aws.codepipeline"],
                    detail_type=["AWS API Call via CloudTrail"],
                    detail={"eventName": [call], "requestParameters": {"pipelineName": [of.pipeline_name]}},
                ),
                targets=[
                    targets.SnsTopic(
                        self.topic,
                        dead_letter_queue=self.undelivered,
                        message=events.RuleTargetInput.from_text(text),
                    )
                ],
            )
