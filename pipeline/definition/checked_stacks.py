"""A stage's stacks as guardrails see them."""

from pipeline.catalogue.model import ServiceStage
from services.library.guardrails.plugin import Subject


def of(built: ServiceStage) -> list[Subject]:
    """Each service's stack, with whose it is; of a stage that was built in part, those of that part."""
    return [
        Subject(
            stack=built.stacks[service.name],
            environment=built.stage.environment,
            service=service.name,
            owner=service.owner,
            handles_personal_data=service.handles_personal_data,
            acknowledgements=service.acknowledgements,
            accepts=service.accepts,
        )
        for service in built.stage.services
        if service.name in built.stacks
    ]
