"""A collector of traces: it takes what services export over HTTP and keeps it for the test to look at."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """A span as far as the tests look at it; `order_id` empty where it names none."""

    trace_id: str
    service: str
    name: str
    order_id: str
    text: str
    """Everything the span says, to search for what it must not say."""


@dataclass
class Collector:
    """Spans as they came in."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)

    def of(self, order_id: str) -> list[Span]:
        """Answer the spans of every trace in which an order is named."""
        traces = {span.trace_id for span in self.spans if span.order_id == order_id}
        return [span for span in self.spans if span.trace_id in traces]

    def take(self, body: bytes) -> None:
        """Keep the spans of an export."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next((one.value.string_value for one in resource.resource.attributes if one.key == "service.name"), "")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    order = next((one.value.string_value for one in span.attributes if one.key == "order_id"), "")
                    self.spans.append(Span(span.trace_id.hex(), service, span.name, order, str(span)))


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for the length of the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join(5)
