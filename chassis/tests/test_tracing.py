"""A trace goes on where it is recorded, and costs nothing where it is not."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.telemetry import WithoutNames, continued

TRACE = "00-dfe93f8a03a721a41a8d79f62f829c13-4b0f0cd3d8f00e38"


@pytest.mark.parametrize(("flags", "recorded"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_the_lowest_flag_tells_whether_a_trace_is_recorded(monkeypatch: pytest.MonkeyPatch, flags: str, recorded: bool) -> None:  # noqa: FBT001
    begun: list[str] = []

    def noted(name: str) -> trace.Tracer:
        begun.append(name)
        return trace.NoOpTracer()

    monkeypatch.setattr(trace, "get_tracer", noted)
    with continued("work", f"{TRACE}-{flags}") as traceparent:
        assert recorded or traceparent == f"{TRACE}-{flags}"
    assert bool(begun) is recorded


def test_what_has_no_trace_gets_none() -> None:
    with continued("work", None) as traceparent:
        assert traceparent is None


def test_what_a_path_names_is_left_out_of_traces() -> None:
    provider = TracerProvider()
    spans = InMemorySpanExporter()
    provider.add_span_processor(WithoutNames())
    provider.add_span_processor(SimpleSpanProcessor(spans))
    for path in ("/api/tracking/a34eqWkBohUra1d1PpZ5", "/api/admin/dead-letters/order", "/api/gift-cards/ABCD-EFGH/balance"):
        with provider.get_tracer("test").start_as_current_span("GET", attributes={"url.path": path}):
            pass
    assert [(span.attributes or {})["url.path"] for span in spans.get_finished_spans()] == [
        "/api/tracking/*",
        "/api/admin/dead-letters/order",
        "/api/gift-cards/*/balance",
    ]
