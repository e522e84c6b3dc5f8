"""What somebody wants to go wrong in pipelines of this cloud: actions that fail when their turn comes, once each.

POST /_penstock/codepipeline/faults    {"fails": ["prod/orders.Probe"]}
"""

from pipeline.local.cloud.codepipeline.work import ActionFailedError
from pipeline.local.cloud.emulator import AwsError, Emulator, Json

FAULTS_PATH = "/_penstock/codepipeline/faults"


class Faults:
    """Get it by `emulator.part(Faults)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._fails: set[str] = set()
        emulator.serve_path(FAULTS_PATH, self.set)

    def set(self, wanted: Json) -> Json:
        """Let these actions fail, each by its stage and name, and no others; answers what holds now."""
        fails = wanted.get("fails")
        if not isinstance(fails, list) or not all(isinstance(each, str) and "/" in each for each in fails):
            raise AwsError("ValidationException", f"fails={fails!r} is not allowed; give a list of STAGE/ACTION.")
        self._fails = set(fails)
        return {"fails": sorted(self._fails)}

    def check(self, stage: str, action: str) -> None:
        """Raise if the action is to fail now; its next attempt, or a rollback's, is not."""
        name = f"{stage}/{action}"
        if name in self._fails:
            self._fails.discard(name)
            raise ActionFailedError("JobFailed", f"{name} fails as it was asked to of this local cloud")
