"""A user's mistake, or a cloud that is not there, is one sentence on stderr and exit code 2, never a traceback."""

from pathlib import Path
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from pipeline.local.errors import LocalCloudError
from pipeline.operate import sign_in
from pipeline.operate.errors import OperateError
from pipeline.review.read.assembly import UnreadableError
from pipeline.scaffold.errors import ScaffoldError
from pipeline.toolset.environment import cache_folder

CANNOT = 2
"""The command could not do what was asked. (1 is the answer no: a failed run, something left to do.)"""


def _is_in_cache(error: OSError) -> bool:
    return isinstance(error.filename, str | Path) and Path(error.filename).is_relative_to(cache_folder())


class ErrorReportingGroup(TyperGroup):
    """A command group that prints a known error as a sentence and answers 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (OperateError, LocalCloudError, ScaffoldError, UnreadableError) as error:
            said = str(error)
        except (BotoCoreError, ClientError) as error:
            # The local cloud's answers too: it speaks for AWS.
            said = sign_in.sentence() if sign_in.is_over(error) else f"AWS's API answered: {error}"
        except OSError as error:
            if not _is_in_cache(error):
                raise
            said = f"{error.filename}: {error.strerror}. Set PENSTOCK_CACHE to a folder that you may write to."
        typer.secho(f"penstock: {said}", fg="red", err=True)
        raise typer.Exit(CANNOT)
