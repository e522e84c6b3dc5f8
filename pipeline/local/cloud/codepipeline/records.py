"""Where pipelines are kept: the emulator's stores, so that they are part of every snapshot."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipeline.local.cloud.codepipeline.declaration import Json, parse
from pipeline.local.cloud.codepipeline.executions import Execution, execution_from_json
from pipeline.local.cloud.codepipeline.executor import Executor, Transition
from pipeline.local.cloud.emulator import Emulator

PIPELINES = "codepipeline-pipelines"
EXECUTIONS = "codepipeline-executions"


@dataclass(kw_only=True)
class Pipeline:
    """One pipeline of an account and region, at work."""

    name: str
    account: str
    region: str
    executor: Executor
    definitions: dict[int, Json]
    """Each version in the API's spelling, as GetPipeline answers it."""
    restarts_on_update: bool
    tags: list[Json]
    created: float
    updated: float

    @property
    def arn(self) -> str:
        """Its name everywhere."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"

    @property
    def definition(self) -> Json:
        """The current version."""
        return self.definitions[self.executor.version]

    def execution(self, execution_id: str) -> Execution:
        """Return one of its executions."""
        return self.executor.execution(execution_id)


class Records:
    """Writes pipelines to the stores and reads them back."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def save(self, pipeline: Pipeline) -> None:
        """The pipeline itself, without its executions."""
        with self._emulator.within(pipeline.account, pipeline.region):
            self._emulator.store(PIPELINES)[pipeline.name] = {
                "version": pipeline.executor.version,
                "definitions": {str(version): body for version, body in pipeline.definitions.items()},
                "transitions": {name: asdict(value) for name, value in pipeline.executor.transitions.items()},
                "restarts_on_update": pipeline.restarts_on_update,
                "tags": copy.deepcopy(pipeline.tags),
                "created": pipeline.created,
                "updated": pipeline.updated,
            }

    def save_execution(self, pipeline: Pipeline, execution: Execution) -> None:
        """One execution, as it is now."""
        with self._emulator.within(pipeline.account, pipeline.region):
            self._emulator.store(EXECUTIONS)[f"{pipeline.name}/{execution.id}"] = execution.to_json()

    def forget(self, pipeline: Pipeline) -> None:
        """A deleted pipeline and its history."""
        with self._emulator.within(pipeline.account, pipeline.region):
            self._emulator.store(PIPELINES).pop(pipeline.name, None)
            store = self._emulator.store(EXECUTIONS)
            for key in [key for key in store if key.rpartition("/")[0] == pipeline.name]:
                del store[key]

    def load(self, make_executor: Callable[..., Executor]) -> list[Pipeline]:
        """Load every pipeline of every account and region."""
        found = []
        for account, region in sorted({(account, region) for account, region, *_ in self._emulator.entries(PIPELINES)}):
            with self._emulator.within(account, region):
                saved_executions = dict(self._emulator.store(EXECUTIONS).items())
                for name, saved in list(self._emulator.store(PIPELINES).items()):
                    definitions = {int(version): body for version, body in saved["definitions"].items()}
                    executions = [
                        execution_from_json(copy.deepcopy(body))
                        for key, body in saved_executions.items()
                        if key.rpartition("/")[0] == name
                    ]
                    executor = make_executor(
                        declarations={version: parse(body) for version, body in definitions.items()},
                        version=saved["version"],
                        executions=sorted(executions, key=lambda execution: execution.order),
                        transitions={stage: Transition(**value) for stage, value in saved["transitions"].items()},
                    )
                    found.append(
                        Pipeline(
                            name=name,
                            account=account,
                            region=region,
                            executor=executor,
                            definitions=definitions,
                            restarts_on_update=saved["restarts_on_update"],
                            tags=saved["tags"],
                            created=saved["created"],
                            updated=saved["updated"],
                        )
                    )
        return found
