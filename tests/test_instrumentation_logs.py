"""instrumentation/logs.py: every record says which span it was made in."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.handlers
import pickle
import queue
import sys
import threading
from contextlib import contextmanager

import oslo_context.context
import oslo_log.formatters
import oslo_log.handlers
import oslo_log.log
import pytest
from adopting import attributes, changed, run
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from oslo_config import cfg
from oslo_context.context import RequestContext

from otel_bridge.instrumentation.logs import LogsInstrumentor
from otel_bridge.tracing.propagation import Remote
from otel_bridge.wire.ids import trace_id
from otel_bridge.wire.signing import Key, TraceInfo

UNTRACED = ("-", "-")
FORMAT = "%(levelname)s [%(trace_id)s %(span_id)s] %(message)s"
MODULES = ("logging", "oslo_log.formatters", "oslo_log.handlers")


@contextmanager
def instrumented():
    instrumentor = LogsInstrumentor()
    instrumentor.instrument()
    try:
        yield
    finally:
        instrumentor.uninstrument()


@pytest.fixture
def on():
    with instrumented():
        yield


@pytest.fixture
def tracer(open_provider):
    return open_provider.get_tracer("test")


class Kept(logging.Handler):
    """Keeps the records; formats them as well, if it has a formatter."""

    def __init__(self):
        super().__init__()
        self.records = []
        self.lines = []

    def emit(self, record):
        self.records.append(record)
        self.lines.append(self.format(record))


@pytest.fixture
def handler():
    return Kept()


@pytest.fixture
def log(handler):
    logger = logging.Logger("service", logging.DEBUG)
    logger.addHandler(handler)
    return logger


def ids_of(record):
    return record.trace_id, record.span_id


def expected(span):
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


# -- the standard library -----------------------------------------------------------------------------


def test_a_record_has_the_ids_of_the_current_span(on, tracer, log, handler):
    log.info("before")
    with tracer.start_as_current_span("outer") as outer:
        log.info("outer")
        with tracer.start_as_current_span("inner") as inner:
            log.debug("inner")
    log.info("after")
    assert [ids_of(record) for record in handler.records] == [
        UNTRACED,
        expected(outer),
        expected(inner),
        UNTRACED,
    ]


@pytest.mark.parametrize("trace_id", [1, 0xAB << 100, (1 << 128) - 1])
@pytest.mark.parametrize("span_id", [1, 0xAB << 40, (1 << 64) - 1])
def test_ids_have_all_their_digits(on, log, handler, trace_id, span_id):
    span = api.NonRecordingSpan(api.SpanContext(trace_id, span_id, True))
    with api.use_span(span):
        log.info("m")
    (record,) = handler.records
    assert ids_of(record) == expected(span)
    assert [len(part) for part in ids_of(record)] == [32, 16]


def test_ids_of_our_own_span_have_all_their_digits(on, tracer, log, handler):
    with tracer.start_as_current_span("unit") as span:
        span._span_id = 1
        log.info("m")
    assert ids_of(handler.records[0]) == expected(span)
    assert handler.records[0].span_id == "0000000000000001"


def test_a_span_of_the_sdk(on, log, handler):
    with SdkProvider(shutdown_on_exit=False).get_tracer("test").start_as_current_span("unit") as span:
        log.info("m")
    assert ids_of(handler.records[0]) == expected(span)


def test_the_root_of_a_trace_is_no_span(on, log, handler):
    """A context that ``profiler.init`` has made, before the first point is open."""
    base_id = "0d2b5b5e-1e6d-4c0d-8f4e-4f0c1a2b3c4d"
    info = TraceInfo(trace_id(base_id), 0, Key("key"))
    with api.use_span(Remote(info)):
        log.info("m")
    assert ids_of(handler.records[0]) == (base_id.replace("-", ""), "-")


def test_a_make_record_that_others_have_replaced_goes_on(tracer, log, handler, monkeypatch):
    found = logging.Logger.makeRecord

    def theirs(self, *args, **kwargs):
        record = found(self, *args, **kwargs)
        record.theirs = True
        return record

    monkeypatch.setattr(logging.Logger, "makeRecord", theirs)
    with instrumented():
        log.info("m")
    (record,) = handler.records
    assert (record.theirs, *ids_of(record)) == (True, *UNTRACED)


class Broken(api.NonRecordingSpan):
    def get_span_context(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [
        api.INVALID_SPAN,
        api.NonRecordingSpan(api.SpanContext(1, 0, True)),
        api.NonRecordingSpan(api.SpanContext(0, 1, True)),
        "no span",
    ],
    ids=["invalid", "no span id", "no trace id", "odd"],
)
def test_what_is_no_span(on, log, handler, value):
    token = context_api.attach(context_api.set_value(api.propagation._SPAN_KEY, value))
    log.info("m")
    context_api.detach(token)
    assert ids_of(handler.records[0]) == UNTRACED


def test_a_span_that_fails_costs_no_line(on, log, handler):
    with api.use_span(Broken(api.INVALID_SPAN_CONTEXT)):
        log.info("m")
    assert handler.lines == ["m"]


def test_a_format_string_for_basic_config(on, tracer):
    """As it is documented."""
    stream = io.StringIO()
    stream_handler = logging.StreamHandler(stream)
    stream_handler.setFormatter(logging.Formatter(FORMAT))
    log = logging.Logger("service")
    log.addHandler(stream_handler)
    log.info("one")
    with tracer.start_as_current_span("unit") as span:
        log.error("two %s", 2)
    assert stream.getvalue() == "INFO [- -] one\nERROR [{} {}] two 2\n".format(*expected(span))


@pytest.mark.parametrize("style", ["%", "{", "$"])
def test_every_style_of_format_string(on, tracer, log, handler, style):
    text = {"%": "%(trace_id)s %(span_id)s", "{": "{trace_id} {span_id}", "$": "$trace_id ${span_id}"}[style]
    handler.setFormatter(logging.Formatter(text, style=style))
    log.info("m")
    with tracer.start_as_current_span("unit") as span:
        log.info("m")
    assert handler.lines == ["- -", " ".join(expected(span))]


EXTRAS = [
    {"trace_id": "mine"},
    {"span_id": "mine"},
    {"trace_id": 7, "span_id": None, "more": 1},
    {"more": 1},
    {},
]


@pytest.mark.parametrize("traced", [True, False], ids=["traced", "untraced"])
@pytest.mark.parametrize("extra", EXTRAS, ids=str)
def test_what_the_service_passes_itself_stays(on, tracer, log, handler, extra, traced):
    before = dict(extra)
    with tracer.start_as_current_span("unit") if traced else api.use_span(api.INVALID_SPAN) as span:
        log.info("m", extra=extra)
    (record,) = handler.records
    ours = dict(zip(("trace_id", "span_id"), expected(span) if traced else UNTRACED, strict=True))
    for name, value in {**ours, **extra}.items():
        assert getattr(record, name) == value
    assert extra == before


def test_what_extra_may_not_hold_is_refused_as_ever(on, log):
    with pytest.raises(KeyError, match="overwrite 'message'"):
        log.info("m", extra={"trace_id": 1, "message": "m"})
    with pytest.raises(KeyError, match="overwrite 'lineno'"):
        log.info("m", extra={"lineno": 1})


def test_adapters(on, tracer, log, handler):
    adapter = logging.LoggerAdapter(log, {"trace_id": "mine"})
    with tracer.start_as_current_span("unit") as span:
        adapter.info("m")
    assert ids_of(handler.records[0]) == ("mine", expected(span)[1])


def test_the_caller_is_found_as_ever(on, log, handler):
    log.info("m", extra={"trace_id": 1})
    log.info("m", stack_info=True)
    for record in handler.records:
        assert (record.funcName, record.filename) == (
            "test_the_caller_is_found_as_ever",
            "test_instrumentation_logs.py",
        )


def test_records_that_are_made_by_hand_can_be_formatted(on, tracer):
    formatter = logging.Formatter(FORMAT)
    direct = logging.LogRecord("n", logging.INFO, "p", 1, "m", None, None)
    named = logging.LogRecord(
        name="n",
        level=logging.INFO,
        pathname="p",
        lineno=1,
        msg="m",
        args=(),
        exc_info=None,
        func="f",
        sinfo="s",
    )
    made = logging.makeLogRecord({"msg": "m", "levelname": "INFO"})
    assert [formatter.format(record) for record in (direct, made)] == ["INFO [- -] m"] * 2
    assert (named.funcName, named.stack_info) == ("f", "s")
    with tracer.start_as_current_span("unit") as span:
        assert ids_of(logging.makeLogRecord({})) == expected(span)


def test_records_of_elsewhere_keep_their_own(on, tracer):
    """As a socket receiver makes them of what another process sends."""
    with tracer.start_as_current_span("unit"):
        record = logging.makeLogRecord({"trace_id": "theirs", "span_id": "theirs, too"})
        assert ids_of(record) == ("theirs", "theirs, too")
        for copied in (copy.copy(record), pickle.loads(pickle.dumps(record))):
            assert ids_of(copied) == ("theirs", "theirs, too")
            assert type(copied) is logging.LogRecord


def test_a_queue_to_another_thread_keeps_the_ids(on, tracer, handler):
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    log = logging.Logger("service")
    log.addHandler(logging.handlers.QueueHandler(waiting))
    handler.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s"))
    listener = logging.handlers.QueueListener(waiting, handler)
    listener.start()
    with tracer.start_as_current_span("unit") as span:
        log.info("m")
    log.info("m")
    listener.stop()
    assert handler.lines == [" ".join(expected(span)), "- -"]


def test_each_thread_has_its_own(on, tracer, log, handler):
    barrier = threading.Barrier(4, timeout=20)
    spans = {}

    def work(number):
        with tracer.start_as_current_span("unit") as span:
            spans[number] = span
            barrier.wait()
            for _ in range(20):
                log.info("%d", number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(handler.records) == 80
    for record in handler.records:
        assert ids_of(record) == expected(spans[record.args[0]])


# -- beside others ------------------------------------------------------------------------------------


class Theirs(logging.LogRecord):
    """A record class of somebody else's."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.theirs = True


def chained(*args, **kwargs):
    record = found(*args, **kwargs)
    record.theirs = True
    return record


found = logging.getLogRecordFactory()


@pytest.fixture
def factory():
    before = logging.getLogRecordFactory()
    yield logging.setLogRecordFactory
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize("theirs", [Theirs, chained])
@pytest.mark.parametrize("when", ["earlier", "later"])
def test_a_record_factory_of_others(factory, tracer, log, handler, theirs, when):
    if when == "earlier":
        factory(theirs)
    with instrumented(), tracer.start_as_current_span("unit") as span:
        if when == "later":
            factory(theirs)
        log.info("m")
        log.info("m", extra={"trace_id": "mine"})
    log.info("m")
    first, second, last = handler.records
    assert (ids_of(first), first.theirs) == (expected(span), True)
    assert (second.trace_id, second.theirs) == ("mine", True)
    assert last.theirs
    assert not hasattr(last, "trace_id")
    assert logging.getLogRecordFactory() is theirs


def test_a_factory_that_sets_them_itself(on, factory, tracer, log, handler):
    def theirs(*args, **kwargs):
        record = found(*args, **kwargs)
        record.trace_id = "theirs"
        return record

    factory(theirs)
    with tracer.start_as_current_span("unit"):
        log.info("m")
    assert handler.records[0].trace_id == "theirs"


def test_a_record_class_with_its_own_idea_of_the_names(on, factory, tracer, log, handler):
    class Own(logging.LogRecord):
        @property
        def trace_id(self):
            return "own"

    factory(Own)
    with tracer.start_as_current_span("unit"):
        log.info("m")
    assert handler.lines == ["m"]
    assert handler.records[0].trace_id == "own"


def test_a_logger_class_with_its_own_make_record(on, tracer, handler):
    class Mine(logging.Logger):
        def makeRecord(self, *args, **kwargs):
            record = super().makeRecord(*args, **kwargs)
            record.mine = True
            return record

    log = Mine("service")
    log.addHandler(handler)
    with tracer.start_as_current_span("unit") as span:
        log.info("m", extra={"span_id": "mine"})
    (record,) = handler.records
    assert (record.trace_id, record.span_id, record.mine) == (expected(span)[0], "mine", True)


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "contrib first"])
def test_contrib_beside_ours(tracer, log, handler, ours_first):
    before = attributes(*MODULES), logging.getLogRecordFactory()
    contrib = LoggingInstrumentor()
    options = {"inject_trace_context": True, "enable_log_auto_instrumentation": False}
    if not ours_first:
        contrib.instrument(**options)
    with instrumented(), tracer.start_as_current_span("unit") as span:
        if ours_first:
            contrib.instrument(**options)
        log.info("m")
    contrib.uninstrument()
    (record,) = handler.records
    assert (record.otelTraceID, record.otelSpanID) == ids_of(record) == expected(span)
    assert changed(before[0], attributes(*MODULES)) == set()
    assert logging.getLogRecordFactory() is before[1]


def test_afterwards_everything_is_as_it_was():
    before = attributes(*MODULES)
    for _ in range(2):
        with instrumented():
            assert changed(before, attributes(*MODULES))
        assert changed(before, attributes(*MODULES)) == set()


# -- oslo.log -----------------------------------------------------------------------------------------

#: As it is documented.
CONTEXT_FORMAT = (
    "%(levelname)s %(name)s [%(global_request_id)s %(request_id)s %(trace_id)s %(span_id)s "
    "%(user_identity)s] %(instance)s%(message)s"
)
DEFAULT_FORMAT = "%(levelname)s %(name)s [%(trace_id)s %(span_id)s] %(instance)s%(message)s"


@pytest.fixture
def conf():
    conf = cfg.ConfigOpts()
    oslo_log.log.register_options(conf)
    conf([], project="test", default_config_files=[])
    conf.set_override("logging_context_format_string", CONTEXT_FORMAT)
    conf.set_override("logging_default_format_string", DEFAULT_FORMAT)
    return conf


@pytest.fixture
def oslo(log):
    return oslo_log.log.KeywordArgumentAdapter(log, {})


def test_oslos_context_formatter(on, tracer, oslo, handler, conf, monkeypatch):
    monkeypatch.setattr(oslo_context.context, "_request_store", threading.local())
    handler.setFormatter(oslo_log.formatters.ContextFormatter(config=conf))
    oslo.info("plain")
    with tracer.start_as_current_span("unit") as span:
        oslo.info("traced")
        oslo.warning("own", trace_id="mine", instance="vm ")
        context = RequestContext(request_id="req-1", global_request_id="req-0")
        assert oslo_context.context.get_current() is context
        oslo.info("with context")
    ids = expected(span)
    assert handler.lines == [
        "INFO service [- -] plain",
        f"INFO service [{ids[0]} {ids[1]}] traced",
        f"WARNING service [mine {ids[1]}] vm own",
        f"INFO service [req-0 req-1 {ids[0]} {ids[1]} - - - - - -] with context",
    ]


def test_oslos_json_formatter(on, tracer, oslo, handler):
    handler.setFormatter(oslo_log.formatters.JSONFormatter())
    oslo.info("plain", more=1)
    with tracer.start_as_current_span("unit") as span:
        oslo.info("traced", more=1)
        oslo.info("own", trace_id='a "quoted" one')
        oslo.info("odd", trace_id=7)
    plain, traced, own, odd = (json.loads(line) for line in handler.lines)
    ids = dict(zip(("trace_id", "span_id"), expected(span), strict=True))
    assert not ids.keys() & plain.keys()
    assert {name: traced[name] for name in ids} == ids
    assert plain["extra"] == traced["extra"] == {"more": 1}
    assert own["trace_id"] == own["extra"]["trace_id"] == 'a "quoted" one'
    assert (odd["extra"], odd["span_id"], "trace_id" in odd) == ({"trace_id": 7}, ids["span_id"], False)


def test_oslos_fluent_formatter(on, tracer, oslo, log):
    seen = []

    class Fluent(logging.Handler):
        def emit(self, record):
            seen.append(self.format(record))

    fluent = Fluent()
    fluent.setFormatter(oslo_log.formatters.FluentFormatter())
    log.handlers = [fluent]
    oslo.info("plain")
    with tracer.start_as_current_span("unit") as span:
        oslo.info("traced", more=1)
    plain, traced = seen
    assert not {"trace_id", "span_id"} & plain.keys()
    assert (traced["trace_id"], traced["span_id"]) == expected(span)
    assert traced["extra"] == {"more": 1}


class Journal:
    """What systemd's Python package has of it."""

    def __init__(self):
        self.sent = []

    def send(self, message, **fields):
        self.sent.append((message, fields))


def test_oslos_journal_handler(on, tracer, oslo, log, monkeypatch):
    journal = Journal()
    monkeypatch.setattr(oslo_log.handlers, "journal", journal)
    log.handlers = [oslo_log.handlers.OSJournalHandler()]
    oslo.info("plain")
    with tracer.start_as_current_span("unit") as span:
        oslo.info("traced", user_id="u")
    (_, plain), (_, traced) = journal.sent
    assert (plain["TRACE_ID"], plain["SPAN_ID"]) == UNTRACED
    assert (traced["TRACE_ID"], traced["SPAN_ID"], traced["USER_ID"]) == (*expected(span), "u")


@pytest.mark.parametrize(
    "patch", ["", "import eventlet; eventlet.monkey_patch()"], ids=["threads", "eventlet"]
)
@pytest.mark.parametrize("first", [True, False], ids=["instrumented first", "imported first"])
def test_a_service_that_sets_oslo_log_up(patch, first):
    instrument = (
        "from otel_bridge.instrumentation.logs import LogsInstrumentor; LogsInstrumentor().instrument()"
    )
    found = run(
        f"""
import json, io, sys, threading, warnings
warnings.simplefilter("ignore")
{instrument if first else ""}
{patch}
from oslo_config import cfg
from oslo_log import log as logging
{"" if first else instrument}
from opentelemetry.sdk.trace import TracerProvider
conf = cfg.ConfigOpts()
logging.register_options(conf)
conf([], project="test", default_config_files=[])
conf.set_override("logging_default_format_string", "%(trace_id)s %(span_id)s %(message)s")
conf.set_override("use_stderr", True)
sys.stderr = stream = io.StringIO()
logging.setup(conf, "test")
LOG = logging.getLogger("test")
LOG.info("plain")
with TracerProvider().get_tracer("test").start_as_current_span("unit") as span:
    LOG.info("traced")
    thread = threading.Thread(target=LOG.info, args=("thread",))
    thread.start()
    thread.join()
context = span.get_span_context()
print(json.dumps([stream.getvalue().splitlines(), f"{{context.trace_id:032x}} {{context.span_id:016x}}"]))
""",
        activate=False,
    )
    lines, ids = found
    assert lines == ["- - plain", f"{ids} traced", "- - thread"]


def test_nothing_of_ours_is_logged(on, tracer, caplog):
    with tracer.start_as_current_span("unit"), api.use_span(Broken(api.INVALID_SPAN_CONTEXT)):
        logging.getLogger("service").warning("m")
    assert [record.name for record in caplog.records] == ["service"]
    assert "opentelemetry" not in " ".join(caplog.messages)
    assert sys.exc_info() == (None, None, None)
