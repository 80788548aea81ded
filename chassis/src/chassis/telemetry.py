"""Traces, metrics and logs of a service process.

Logs are JSON lines with the order id and trace id of what is being done, never with personal data. Traces follow an order over
HTTP, outbox, broker and reactions as one trace; they cost nothing where no collector is set or a trace is not sampled.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# The lowest bit of the flags that end a traceparent says that the trace is recorded; others may be set beside it.
SAMPLED: Final = frozenset("13579bdf")
# Without the values of local variables, which structlog would add: they hold contacts and addresses.
_tracebacks: Final = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_propagator = TraceContextTextMapPropagator()


def configure_logging(service: str, level: str) -> None:
    """Write logs of this process as JSON lines to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _tracebacks,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _add_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def configure_tracing(service: str, endpoint: str, ratio: float) -> TracerProvider | None:
    """Send traces of this process to `endpoint`; answers None, and traces nothing, where it is empty."""
    if not endpoint:
        return None
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(WithoutNames())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider


_WORD: Final = re.compile(r"[a-z][a-z-]*")


class WithoutNames(SpanProcessor):
    """Leaves only the words of a path in a span: what stands between them may be a secret, such as the token of a link."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the processor's form
        """Mask the path of a request that begins."""
        path = (span.attributes or {}).get("url.path")
        if isinstance(path, str):
            parts = [part if not part or _WORD.fullmatch(part) else "*" for part in path.split("/")]
            span.set_attribute("url.path", "/".join(parts))


def current_traceparent() -> str | None:
    """Write down the current span for those who continue its trace elsewhere."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def continued(name: str, traceparent: str | None, **attributes: str) -> Iterator[str | None]:
    """Continue a trace with a span of our own; gives the traceparent for what follows. Not sampled: passes it through."""
    if traceparent is None or traceparent[-1:] not in SAMPLED:
        yield traceparent
        return
    context = _propagator.extract({"traceparent": traceparent})
    tracer = trace.get_tracer("chassis")
    with tracer.start_as_current_span(name, context=context, kind=trace.SpanKind.CONSUMER, attributes=attributes):
        yield current_traceparent()


class Metrics:
    """The measurements of one service process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.outbox_pending = Gauge("outbox_pending", "Facts committed and not yet published", registry=self.registry)
        self.outbox_oldest_age = Gauge(
            "outbox_oldest_age_seconds", "Age of the oldest fact not yet published", registry=self.registry
        )
        self.published = Gauge("relay_published", "Facts this process published since it started", registry=self.registry)
        self.handled = Counter("reactions_handled", "Events handled", ["type"], registry=self.registry)
        self.duplicates = Counter("inbox_duplicates", "Events that came again and were dropped", registry=self.registry)
        self.skipped = Counter("reactions_skipped", "Records of types this service does not hear", registry=self.registry)
        self.dead_letters = Counter("dead_letters", "Records put aside", ["reason"], registry=self.registry)
        self.refused = Counter("requests_refused", "Requests refused, by problem", ["problem"], registry=self.registry)
        self.batch_seconds = Histogram(
            "reactions_batch_seconds", "Time of one batch from fetch to commit", registry=self.registry
        )
        self.consumer_lag = Gauge("consumer_lag", "Records not yet handled", ["topic", "partition"], registry=self.registry)
        self.saga_open = Gauge("saga_open", "Work not yet at rest", ["state"], registry=self.registry)
