"""X-Ray's API: segments are put, and read by their trace.

https://docs.aws.amazon.com/xray/latest/api/API_Operations.html
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.local.cloud.emulator import Call, Json, Operation

DOCUMENTS_KEPT = 10_000


@dataclass
class Spans:
    """What was received."""

    documents: deque[Json] = field(default_factory=lambda: deque(maxlen=DOCUMENTS_KEPT))

    def take(self, text: str) -> str | None:
        """Keep one segment document, or say why not."""
        try:
            document = json.loads(text)
            complete = all(document.get(name) for name in ("id", "trace_id", "name", "start_time"))
        except (ValueError, AttributeError):
            return "ParseError"
        if not complete:
            return "MissingId"
        self.documents.append(document)
        return None

    def operations(self) -> Mapping[str, Operation]:
        """List every operation by its path."""
        return {"/TraceSegments": self.put, "/Traces": self.get, "/TraceSummaries": self.summaries}

    def put(self, call: Call) -> Json:
        """PutTraceSegments."""
        refused = [(text, self.take(text)) for text in call.parameters.get("TraceSegmentDocuments", [])]
        return {"UnprocessedTraceSegments": [{"ErrorCode": why} for _, why in refused if why]}

    def get(self, call: Call) -> Json:
        """BatchGetTraces."""
        wanted = call.parameters.get("TraceIds", [])
        traces = {id_: self._of(id_) for id_ in wanted}
        return {
            "Traces": [
                {
                    "Id": id_,
                    "Duration": _duration(found),
                    "Segments": [{"Id": each["id"], "Document": json.dumps(each)} for each in found],
                }
                for id_, found in traces.items()
                if found
            ],
            "UnprocessedTraceIds": [id_ for id_, found in traces.items() if not found],
        }

    def summaries(self, call: Call) -> Json:
        """GetTraceSummaries, of the times asked for."""
        begin, end = float(call.parameters["StartTime"]), float(call.parameters["EndTime"])
        inside = dict.fromkeys(each["trace_id"] for each in self.documents if begin <= each["start_time"] <= end)
        found = {id_: self._of(id_) for id_ in inside}
        return {
            "TraceSummaries": [
                {
                    "Id": id_,
                    "Duration": _duration(each),
                    "HasFault": any(span.get("fault") for span in each),
                    "HasError": any(span.get("error") for span in each),
                }
                for id_, each in found.items()
            ],
            "TracesProcessedCount": len(found),
        }

    def _of(self, trace: str) -> list[Json]:
        return [each for each in self.documents if each["trace_id"] == trace]


def _duration(spans: list[Json]) -> float:
    begins = [float(each["start_time"]) for each in spans]
    ends = [float(each["end_time"]) for each in spans if "end_time" in each]
    return max(begins + ends) - min(begins) if spans else 0.0
