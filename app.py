"""The CDK app: one pipeline over the catalogue of stages, or one branch's environment, under guardrails."""

from pipeline.synthesis import jsii_client

jsii_client.enable()  # before the imports below, which start jsii's kernel

import aws_cdk as cdk

from pipeline.catalogue import ledger, validation
from pipeline.catalogue.branch import asked_for
from pipeline.catalogue.error_reporting import report_errors
from pipeline.definition import branch
from pipeline.definition.stack import PipelineStack
from pipeline.settings import SETTINGS
from services.library.guardrails.plugin import Guardrails

with report_errors():
    from stages.acknowledgements import ACKNOWLEDGEMENTS
    from stages.branches import BRANCHES_LIKE, CLEANED_UP
    from stages.catalogue import STAGES
    from stages.removed import REMOVED

    shipped = ledger.read()
    validation.check(STAGES, shipped=shipped, removed=REMOVED)
    app = cdk.App()
    if asked := asked_for(app.node.get_all_context()):
        checked_stacks = branch.build(app, asked.stage(BRANCHES_LIKE), tags=asked.tags)
        Guardrails(checked_stacks, accepted=(), every_stage=False).check(app)
    else:
        removals = ledger.removals(STAGES, shipped, REMOVED)
        pipeline = PipelineStack(
            app, "Pipeline", settings=SETTINGS, catalogue=STAGES, removals=removals, branches=CLEANED_UP
        )
        Guardrails(pipeline.checked_stacks, accepted=ACKNOWLEDGEMENTS, decided=pipeline.decided_findings).check(app)
    app.synth()
