"""Which trace something belongs to, in the three formats that it travels in.

One trace has one id of 128 bits. X-Ray writes it as `1-<8 hex digits>-<24>`, the W3C as 32 hex digits, and Datadog as
a decimal number of the low 64 bits beside the high ones in a tag, so a trace that API Gateway began goes on under the
same id wherever it is looked at.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
https://www.w3.org/TR/trace-context/
https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

NAMES = re.compile(r"x-datadog-.*|traceparent|tracestate|baggage|b3|x-b3-.*|x-amzn-trace-id")
"""Header names that tell others what we are doing; in lower case."""
W3C = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
XRAY_ID = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
LOW = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """A place in a trace: what comes next is a child of it."""

    trace_id: int
    """128 bits, not 0."""
    span_id: int
    """64 bits, not 0."""
    sampled: bool = True

    @classmethod
    def new(cls, *, sampled: bool = True) -> Self:
        """Begin a trace. X-Ray wants the time of its beginning in front."""
        trace_id = (int(time.time()) << 96) + secrets.randbits(96)
        return cls(trace_id=trace_id, span_id=secrets.randbits(63) + 1, sampled=sampled)

    def child(self) -> "TraceContext":
        """Return a new span of the same trace."""
        return TraceContext(trace_id=self.trace_id, span_id=secrets.randbits(63) + 1, sampled=self.sampled)

    @classmethod
    def from_traceparent(cls, text: object) -> Self | None:
        """Read the W3C's format; None if it is something else."""
        found = W3C.fullmatch(text) if isinstance(text, str) else None
        if not found or not int(found[1], 16) or not int(found[2], 16):
            return None
        return cls(trace_id=int(found[1], 16), span_id=int(found[2], 16), sampled=bool(int(found[3], 16) & 1))

    @property
    def traceparent(self) -> str:
        """Return the W3C's format."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"

    @classmethod
    def from_xray(cls, text: object) -> Self | None:
        """Read `Root=1-...;Parent=...;Sampled=1`, as Lambda gives it; None if that names no place in a trace."""
        fields = dict(part.strip().partition("=")[::2] for part in text.split(";")) if isinstance(text, str) else {}
        root = XRAY_ID.fullmatch(fields.get("Root", ""))
        parent = fields.get("Parent", "")
        if not root or not re.fullmatch(r"[0-9a-f]{16}", parent) or not int(parent, 16):
            return None
        return cls(trace_id=int(root[1] + root[2], 16), span_id=int(parent, 16), sampled=fields.get("Sampled") != "0")

    @property
    def xray_id(self) -> str:
        """Return the trace's id as X-Ray writes it."""
        return f"1-{self.trace_id >> 96:08x}-{self.trace_id & ((1 << 96) - 1):024x}"

    @property
    def xray(self) -> str:
        """Return X-Ray's format."""
        return f"Root={self.xray_id};Parent={self.span_id:016x};Sampled={int(self.sampled)}"

    @property
    def headers(self) -> Mapping[str, str]:
        """Return an outgoing call's headers: Datadog's format and the W3C's."""
        return {
            "traceparent": self.traceparent,
            "tracestate": f"dd=s:{int(self.sampled)};p:{self.span_id:016x}",
            "x-datadog-trace-id": str(self.trace_id & LOW),
            "x-datadog-parent-id": str(self.span_id),
            "x-datadog-sampling-priority": str(int(self.sampled)),
            "x-datadog-tags": f"_dd.p.tid={self.trace_id >> 64:016x}",
        }
