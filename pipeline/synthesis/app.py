"""What the App is made of: the catalogue in `stages/`, or one branch's environment where the context names one."""

import json
from collections.abc import Mapping

from pipeline.catalogue import ledger, toolkit, validation
from pipeline.catalogue.branch import asked_for
from pipeline.catalogue.error_reporting import report_errors
from pipeline.catalogue.problem import MistakeError
from pipeline.definition.branch import resource_tags
from pipeline.synthesis.pipeline_part import Pipeline
from pipeline.synthesis.process import Told
from pipeline.synthesis.run import Synth
from services.library.guardrails.judgement import Judgement


def synthesise(asked: Told, environment: Mapping[str, str]) -> Judgement:
    """Check the stages, write the assembly, and judge it. Ends the process at a team's mistake, with its line."""
    with report_errors():
        from pipeline.settings import SETTINGS  # noqa: PLC0415 - what is wrong in these is explained
        from stages.acknowledgements import ACKNOWLEDGEMENTS  # noqa: PLC0415 - as above
        from stages.branches import BRANCHES_LIKE, CLEANED_UP  # noqa: PLC0415 - as above
        from stages.catalogue import STAGES  # noqa: PLC0415 - as above
        from stages.removed import REMOVED  # noqa: PLC0415 - as above

        shipped = ledger.read()
        validation.check(STAGES, shipped=shipped, removed=REMOVED)
        synth = Synth.asked(asked, environment)
        told = json.loads((synth.root / toolkit.FILE).read_text(encoding="utf-8")) | {"context": synth.context}
        if differing := list(toolkit.problems_of(SETTINGS.bootstrap, told)):
            raise MistakeError("\n".join(map(str, differing)))
        if branch := asked_for(synth.context):
            stage = branch.stage(BRANCHES_LIKE)
            return synth.branch(stage, resource_tags(stage), branch.tags)
        pipeline = Pipeline(
            settings=SETTINGS,
            catalogue=STAGES,
            removals=ledger.removals(STAGES, shipped, REMOVED),
            branches=CLEANED_UP,
            context=synth.context,
        )
        return synth.pipeline(pipeline, ACKNOWLEDGEMENTS)
