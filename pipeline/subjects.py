"""A stage's stacks as guardrails see them."""

from services.library.guardrails.plugin import Subject
from stages.model import ServiceStage


def of(built: ServiceStage) -> list[Subject]:
    """Each service's stack, with whose it is."""
    return [
        Subject(
            stack=stack,
            environment=built.stage.environment,
            service=service.name,
            owner=service.owner,
            handles_personal_data=service.handles_personal_data,
            acknowledgements=service.acknowledgements,
            accepts=service.accepts,
        )
        for service, stack in zip(built.stage.services, built.stacks.values(), strict=True)
    ]
