"""The CDK app: one pipeline over the catalogue of stages, under guardrails."""

import aws_cdk as cdk

from pipeline.settings import SETTINGS
from pipeline.stack import PipelineStack
from services.library.guardrails.plugin import Guardrails
from stages import ledger, validation
from stages.acknowledged import accepted
from stages.catalogue import STAGES
from stages.mistakes import told
from stages.removed import REMOVED

with told():
    shipped = ledger.read()
    validation.check(STAGES, shipped=shipped, removed=REMOVED)
    app = cdk.App()
    removals = ledger.removals(STAGES, shipped, REMOVED)
    pipeline = PipelineStack(app, "Pipeline", settings=SETTINGS, catalogue=STAGES, removals=removals)
    Guardrails(
        pipeline.subjects,
        accepted=accepted(SETTINGS.source_account, reviews_pull_requests=SETTINGS.reviews_pull_requests),
    ).check(app)
    app.synth()
