"""What lines look like: where an entry begins, and which parts it has.

One table for both collectors, so that expressions hold only what RE2 and Boost both know: no look-around, no
back-references. Expressions of parts match a whole entry, as LoongCollector's do; their keys become fields.

Sources: LoongCollector: alibaba/loongcollector@f02d980 (2026-08-13), core/plugin/processor and processor/inner. Ray:
ray-project/ray@0198336 doc/source/ray-observability/user-guides/configure-logging.md, python/ray/_private/
ray_constants.py@00432a9. Spark: apache/spark@ca1d74c, common/utils/src/main/resources/org/apache/spark/
log4j2-defaults.properties, SparkLayout.json@c865c09. PyTorch: torch/_logging/_internal.py@0136b57 and
torch/distributed/elastic/multiprocessing/errors@0140b62. All read in November 2026.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GROUP = re.compile(r"\(\?P<([a-z]+)>")
"""A named part of an expression."""

REST = r"(?P<message>[\s\S]*)"
"""The message with the lines of its trace: in Go a dot does not match the end of a line."""

DATE = r"\d{4}-\d{2}-\d{2}"
CLOCK = r"\d{2}:\d{2}:\d{2}"
MILLISECONDS = rf"{DATE} {CLOCK},\d{{3}}"

GLOG = (
    rf"(?:\[rank(?P<rank>\d+)\]:\s?)?(?P<level>[IWEF])(?P<time>\d{{4}} {CLOCK}\.\d+)\s+"
    rf"(?P<pid>\d+) (?P<logger>[^\]]+)\] {REST}"
)
"""What torchrun and Kubernetes' klog write; it has no year."""

TRACE_ENDS = r"[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Iteration)(?:\(\w+\))?(?::|\s|$)"
"""The last line of a trace of Python, Ray's with what it stands for, or the first of one of Java."""

HOLDS_TRACE = rf"\n(?:\[rank\d+\]:\s?)?(?:Traceback \(|Exception in thread |{TRACE_ENDS})"
"""What an entry has behind its first line when a program ended there, whatever level that line says: its last words are
often at INFO, and the trace behind them has no level."""

LEVEL = r"(?P<level>DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)"


@dataclass(frozen=True)
class Format:
    """How one kind of program writes.

    starts: how the first line of an entry begins; continues: how a line begins that belongs to the entry before it,
    although it could begin one, "" where what does not begin an entry continues it; parts: expressions that are tried
    in this order; json: whether entries may be JSON objects, whose first level becomes fields; time: strptime of the
    field `time`, "" where it is not enough to tell a time; nested: fields of JSON that hold objects.
    """

    title: str
    starts: str
    continues: str = ""
    parts: Sequence[str] = ()
    json: bool = False
    time: str = ""
    nested: Sequence[str] = ()

    def fields(self) -> list[str]:
        """All fields that expressions give."""
        return list(dict.fromkeys(key for part in self.parts for key in keys(part)))


def keys(part: str) -> list[str]:
    """The names of an expression's parts, in their order."""
    return GROUP.findall(part)


def unnamed(part: str) -> str:
    """An expression without names, for collectors that list them apart."""
    return GROUP.sub("(", part)


PYTHON_CONTINUES = (
    # Between the parts of a chain of traces stands an empty line.
    r"(?:\s|$|Traceback \(most recent call last\)|During handling of|The above exception was|Caused by: |"
    rf"{TRACE_ENDS}|\[rank\d+\]:(?:\s\s|\s?{TRACE_ENDS})|[=-]{{20}}|Failures:|Root Cause|\[\d+\]:$|\S+ FAILED$)"
)

SPARK_CONTINUES = (
    # A trace, or a plan of SQL: its tree, its numbered parts, and the code that is made of it.
    rf"(?:\s|$|Caused by: |During handling of|The above exception was|{TRACE_ENDS}|== |\*\(\d+\) |[+:]- |\(\d+\) |"
    r"/\* \d+ \*/)"
)

PYTHON_STARTS = (
    rf"(?:\[?{DATE}[ T]{CLOCK}|[IWEF]\d{{4}} {CLOCK}|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ]|\{{\"|"
    r"\[rank\d+\]:\s?(?:Traceback|[IWEF]\d{4} )|\([\w.]+ pid=\d+|[\w.-]+:\d+:\d+ \[\d+\] NCCL )"
)

PYTHON_PARTS = (
    rf"(?P<time>{MILLISECONDS})\s(?P<level>[A-Z]+) (?P<logger>\S+:\d+) -- {REST}",
    rf"(?P<time>{DATE}[ T]{CLOCK}(?:[.,]\d+)?)\s+-\s+(?P<logger>\S+)\s+-\s+(?P<level>[A-Z]+)\s+-\s+{REST}",
    rf"\[(?P<time>{MILLISECONDS})\] (?P<logger>[\w.]+): \[(?P<level>[A-Z]+)\] {REST}",
    GLOG,
    rf"(?P<host>[\w.-]+):(?P<pid>\d+):(?P<thread>\d+) \[(?P<rank>\d+)\] (?P<logger>NCCL) (?P<level>[A-Z]+) {REST}",
    rf"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[^:\s]*):{REST}",
    rf"(?P<time>{DATE}[ T]{CLOCK}[^\s|]*)[\s|]+\[?{LEVEL}\b[\]:]?[\s|]+{REST}",
    rf"(?:\([\w.]+ pid=\d+\)\s)?{LEVEL} (?P<time>\d{{2}}-\d{{2}} {CLOCK}) \[(?P<logger>[^\]]+)\] {REST}",
)
"""Ray's own form, the one of Python's logging how-to, torch of 2024, torchrun and klog, NCCL, and Python's default; a
time and a level, as `%(asctime)s %(levelname)s` and loguru have them; vLLM (vllm/logger.py)."""

FORMATS: Mapping[str, Format] = {
    "python": Format(
        title="Python's logging, tracebacks, torchrun, NCCL and JSON",
        starts=PYTHON_STARTS,
        # Whoever prints has lines of no form: each is an entry of its own, and only traces are put together.
        continues=PYTHON_CONTINUES,
        parts=PYTHON_PARTS,
        json=True,
    ),
    "ray": Format(
        title="Ray's own processes, in C++ and in Python",
        starts=rf"(?:\[{MILLISECONDS} [A-Z] \d+ \d+\]|{MILLISECONDS}\s|\{{\")",
        parts=(
            rf"\[(?P<time>{MILLISECONDS}) (?P<level>[A-Z]) (?P<pid>\d+) (?P<thread>\d+)\] "
            rf"(?:\((?P<component>[\w-]+)\) )?(?P<logger>[^\s:]+:\d+): {REST}",
            PYTHON_PARTS[0],
        ),
        json=True,
        time="%Y-%m-%d %H:%M:%S,%f",
    ),
    "spark": Format(
        title="Spark's log4j in its default pattern, or as JSON; tracebacks of PySpark",
        starts=(
            # What ends the machine is no part of the engine's line before it.
            rf"(?:\d{{2}}/\d{{2}}/\d{{2}} {CLOCK} |{DATE}[ T]{CLOCK}|\{{\"|WARNING: |Exception in thread \"|"
            r"Traceback \(most recent call last\)|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ])"
        ),
        # What a program prints among the engine's lines is no part of them.
        continues=SPARK_CONTINUES,
        parts=(
            rf"(?P<time>\d{{2}}/\d{{2}}/\d{{2}} {CLOCK}) (?P<level>[A-Z]+) (?P<logger>[^\s:]+): {REST}",
            *PYTHON_PARTS[1:2],
            *PYTHON_PARTS[5:],
        ),
        json=True,
        nested=("context", "exception"),
    ),
    "operator": Format(
        title="Operators: klog, or JSON of zap",
        starts=rf"(?:[IWEF]\d{{4}} {CLOCK}|\{{\"|{DATE}T{CLOCK}|time=|panic: |goroutine )",
        parts=(
            GLOG,
            # zap's console form: time, level, logger or place, message, each after a tab.
            rf"(?P<time>{DATE}T{CLOCK}\S*)\s+(?P<level>[A-Z]+)\s+(?P<logger>\S+)\s+{REST}",
        ),
        json=True,
    ),
}

SPARK_PACKAGES = (
    *("org.apache.spark", "org.sparkproject", "org.apache.hadoop", "org.apache.parquet", "org.apache.hive"),
    *("org.eclipse.jetty", "io.fabric8", "com.aliyun.jindodata"),
)
"""Packages of which loggers are Spark's, not the program's."""

SPARK_CLASSES = (
    # core, scheduler and storage
    *("SparkContext", "SparkEnv", "SparkConf", "Utils", "SecurityManager", "ResourceUtils", "ResourceProfile"),
    *("ResourceProfileManager", "DAGScheduler", "TaskSchedulerImpl", "TaskSetManager", "TaskResultGetter"),
    *("LiveListenerBus", "AsyncEventQueue", "OutputCommitCoordinator", "EventLoggingListener", "HealthTracker"),
    *("MapOutputTracker", "MapOutputTrackerMaster", "MapOutputTrackerMasterEndpoint", "ExecutorAllocationManager"),
    *("ContextCleaner", "BlockManager", "BlockManagerInfo", "BlockManagerMaster", "BlockManagerMasterEndpoint"),
    *("DiskBlockManager", "MemoryStore", "ShuffleBlockFetcherIterator", "Executor", "CoarseGrainedExecutorBackend"),
    *("TransportClientFactory", "NettyBlockTransferService", "TorrentBroadcast", "SparkUI", "ShutdownHookManager"),
    # Kubernetes, SQL and streaming
    *("KubernetesClusterSchedulerBackend", "ExecutorPodsAllocator", "ExecutorPodsLifecycleManager"),
    *("SharedState", "CodeGenerator", "FileSourceStrategy", "FileSourceScanExec", "FileScanRDD"),
    *("MicroBatchExecution", "NativeCodeLoader", "MetricsSystemImpl", "MetricsConfig"),
)
"""Classes of Spark and Hadoop that write most. Spark's default pattern, `%c{1}`, leaves the package out."""

SPARK_LOGGER = (
    "(?:"
    + "|".join(re.escape(name) for name in SPARK_PACKAGES).replace(r"\-", "-")
    + r")\..*|(?:"
    + "|".join(SPARK_CLASSES)
    + ")"
)
"""Loggers of Spark itself. What is not told to be Spark's is the program's."""

LEVELS: Mapping[str, str] = {
    "TRACE": "TRACE|trace",
    "DEBUG": "DEBUG|debug|D",
    "INFO": "INFO|info|I",
}
"""How programs write the levels that may be left out."""

ERROR_LEVELS = ("ERROR", "error", "E", "CRITICAL", "FATAL", "fatal", "F", "panic")
"""How programs write that something failed."""
