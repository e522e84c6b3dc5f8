"""CodeCommit, as far as a pipeline's source needs it; each repository is a bare git repository on disk.

Emulated: repositories by API and template, their default branch, branches, commits.
Not emulated: pull requests, comments, approval rules, files by API, triggers, a template's `Code`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, and let CloudFormation make repositories."""
    from pipeline.local.cloud.codecommit import resources
    from pipeline.local.cloud.codecommit.api import operations
    from pipeline.local.cloud.codecommit.repositories import Repositories

    repositories = emulator.part(Repositories)
    emulator.serve_json_api("codecommit", target_prefix="CodeCommit_20150413", operations=operations(repositories))
    emulator.provide("AWS::CodeCommit::Repository", resources.repository(repositories))
