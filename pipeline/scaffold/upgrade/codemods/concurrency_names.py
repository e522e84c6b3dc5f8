"""Settings of concurrency are called as Lambda and SQS call them."""

from pathlib import Path

from pipeline.scaffold.upgrade.codemod import Codemod, rename_arguments

RENAMED = {
    "QueueWorkerSettings": {"at_once": "max_concurrency"},
    "Enrichment": {"enriched_at_once": "reserved_concurrency"},
    "Ingest": {"batches_at_once": "reserved_concurrency"},
    "Intake": {"recorded_at_once": "reserved_concurrency"},
    "Records": {"queries_at_once": "reserved_concurrency"},
}


def _change(file: Path, text: str) -> str:
    return rename_arguments(text, RENAMED) if file.suffix == ".py" else text


CODEMOD = Codemod(
    name="concurrency_names",
    why="QueueWorkerSettings.at_once is max_concurrency, and services' ..._at_once are reserved_concurrency.",
    change=_change,
)
