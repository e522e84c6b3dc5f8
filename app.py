"""The CDK app: one pipeline over the catalogue of stages, under guardrails."""

import aws_cdk as cdk

from pipeline.settings import SETTINGS
from pipeline.stack import PipelineStack
from services.library.guardrails.plugin import Guardrails
from stages import validation
from stages.acknowledged import accepted
from stages.catalogue import STAGES

validation.check(STAGES)
app = cdk.App()
pipeline = PipelineStack(app, "Pipeline", settings=SETTINGS, catalogue=STAGES)
Guardrails(pipeline.subjects, accepted=accepted(SETTINGS.source_account)).check(app)
app.synth()
