"""The CDK app: one pipeline over the catalogue of stages, under guardrails."""

import aws_cdk as cdk

from pipeline.settings import SETTINGS
from pipeline.stack import PipelineStack
from stages.catalogue import STAGES

app = cdk.App()
pipeline = PipelineStack(app, "Pipeline", settings=SETTINGS, catalogue=STAGES)
app.synth()
