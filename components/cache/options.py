"""What a consistency class and a way of reading mean for each kind of runtime.

Classes: the five situations of seed 003. JindoRuntime: its options of mounts, arguments and properties as
fluid-cloudnative/fluid v1.0.8 (pkg/ddc/jindocache/transform.go) takes them and aliyun/alibabacloud-jindodata @ccf56f3c
(docs/user/zh, jindofuse_quickstart.md, jindosdk_configuration.md) means them. Arguments of a client replace all of
Fluid's own, so all of them stand here. AlluxioRuntime: metadata sync as of Alluxio 2. JuiceFSRuntime: options of
Fluid's own read-only default, and of seed 003.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .args import ConsistencyClass, DatasetArgs, RuntimeKind

LONG_SECONDS = 7_200
"""How long the kernel believes metadata of data that nobody changes. Source: fluid v1.0.8, for read-only datasets."""

REFRESH_SECONDS = 600
"""The same for data that are refreshed: after a refresh, a mount that is there already shows the new state so late."""

MOST_CACHED_FILES = 1_000_000
"""Files of which the client keeps metadata at most. Ours: no source says what one takes."""


@dataclass(frozen=True)
class Consistency:
    """What a class promises, in words for its users, and which runtimes can keep it."""

    writes: bool
    guarantees: str
    costs: str
    kinds: Sequence[RuntimeKind]


CONSISTENCY: Mapping[ConsistencyClass, Consistency] = {
    "static": Consistency(
        False,
        "Readers see the data as they were when first looked at. Whoever changes them meanwhile is not seen.",
        "Nothing: metadata and data are looked up once.",
        ("jindo", "alluxio", "juicefs", "thin"),
    ),
    "periodic": Consistency(
        False,
        f"Readers see the state of the last refresh, pods that run already {REFRESH_SECONDS // 60} minutes after it.",
        "Each refresh lists all files at the source, and reads what is new.",
        ("jindo", "alluxio", "juicefs"),
    ),
    "event-driven": Consistency(
        False,
        "Readers see a change at the source after `staleSeconds` at the latest.",
        "Metadata are asked of the source again and again: opening files is slower, and counts against its requests.",
        ("jindo", "alluxio", "juicefs"),
    ),
    "separate-writes": Consistency(
        True,
        "What is written is at the source when its file is closed, and other pods see it then. Nothing else may write "
        "or cache this directory.",
        "Metadata are not kept by the kernel, and writing is as fast as the source at most.",
        ("jindo", "alluxio", "juicefs", "thin"),
    ),
    "read-write": Consistency(
        True,
        "Pods see each other's files once they are closed, as on a network file system. Files may be changed in place.",
        "Every opening of a file asks the file system; nothing is cached beyond that.",
        ("juicefs", "thin"),
    ),
}


@dataclass(frozen=True)
class Options:
    """What a runtime is told.

    mount: options of each mount; arguments: of the client, by name, without `-o`; client, master, worker: properties,
    or options with kind `juicefs`. None as a value of an argument: it takes none.
    """

    access_mode: Literal["ReadOnlyMany", "ReadWriteMany"]
    mount: Mapping[str, str] = field(default_factory=dict[str, str])
    arguments: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    client: Mapping[str, str] = field(default_factory=dict[str, str])
    shared: Mapping[str, str] = field(default_factory=dict[str, str])
    worker: Mapping[str, str] = field(default_factory=dict[str, str])


def options_of(args: DatasetArgs, kind: RuntimeKind) -> Options:
    """What the runtime of a dataset is told."""
    if kind == "jindo":
        return _jindo(args)
    if kind == "alluxio":
        return _alluxio(args)
    if kind == "juicefs":
        return _juicefs(args)
    return Options(_access_mode(args))


def _access_mode(args: DatasetArgs) -> Literal["ReadOnlyMany", "ReadWriteMany"]:
    return "ReadWriteMany" if CONSISTENCY[args.consistency].writes else "ReadOnlyMany"


def stale_seconds(args: DatasetArgs, layers: int = 1) -> int:
    """For how long each of so many layers believes metadata: what one keeps, it may have got late from the next."""
    if args.consistency == "static":
        return LONG_SECONDS
    if args.consistency == "periodic":
        return REFRESH_SECONDS // layers
    return args.stale_seconds // layers if args.consistency == "event-driven" else 0


def _jindo(args: DatasetArgs) -> Options:
    # The kernel, and the client behind it.
    seconds = stale_seconds(args, layers=2)
    writes = CONSISTENCY[args.consistency].writes
    small = args.pattern == "small-files" and args.consistency in ("static", "periodic")
    arguments: dict[str, str | None] = {
        # The page cache survives opening a file again only where nobody changes it.
        "kernel_cache" if args.consistency == "static" else "auto_cache": None,
        **({} if writes else {"ro": None}),
        **{f"{name}_timeout": str(seconds) for name in ("attr", "entry", "negative")},
        "no_symlink": None,
    }
    if args.consistency != "static":
        # The client keeps metadata of its own, 60 seconds unless told otherwise.
        arguments |= {f"jindo_{name}_timeout": str(seconds) for name in ("attr", "entry")}
    if args.pattern == "random":
        arguments["pread"] = None
    if small and args.files is not None:
        files = str(min(max(args.files, 50_000), MOST_CACHED_FILES))
        arguments |= {"jindo_attr_size": files, "jindo_entry_size": files}
    own = _parsed(args.runtime.fuse.arguments)
    for one, other in (("kernel_cache", "auto_cache"), ("auto_cache", "kernel_cache")):
        if one in own:
            arguments.pop(other, None)
    arguments |= own
    return Options(
        _access_mode(args),
        mount={
            # Fluid's documentation and its code disagree on the default, so it is always said.
            "metaPolicy": "ALWAYS" if args.consistency == "event-driven" else "ONCE",
            **({"cacheStrategy": "DHT"} if small else {}),
            **({"writePolicy": "WRITE_THROUGH"} if writes else {}),
            **({"readCacheReplica": str(args.runtime.copies)} if args.runtime.copies > 1 else {}),
        },
        arguments=arguments,
        client={**(SEQUENTIAL if args.pattern == "sequential" else {}), **args.runtime.fuse.properties},
        shared=args.runtime.properties,
    )


SEQUENTIAL: Mapping[str, str] = {
    "fs.oss.download.thread.concurrency": "200",
    "fs.oss.read.buffer.size": "8388608",
    "fs.oss.read.readahead.max.buffer.count": "200",
    "fs.oss.read.sequence.ambiguity.range": "2147483647",
    "fs.oss.download.async.concurrency": "200",
}
"""Read-ahead of large files. The first four: seed 003, for JindoSDK before 6.2 (the first before 6.6); the last is the
first's successor. Versions pass over what is not theirs (jindosdk_configuration.md)."""


def _parsed(arguments: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for argument in arguments:
        name, equals, value = argument.removeprefix("-o").partition("=")
        found[name] = value if equals else None
    return found


def _alluxio(args: DatasetArgs) -> Options:
    # The kernel, and the master behind it.
    seconds = stale_seconds(args, layers=2)
    # Without a look at the source again, unless it changes on its own; loads look by themselves.
    interval = f"{seconds}s" if args.consistency == "event-driven" else "-1"
    shared = {
        "alluxio.user.file.metadata.sync.interval": interval,
        "alluxio.user.metadata.cache.enabled": str(args.consistency == "static").lower(),
        **({"alluxio.user.file.writetype.default": "CACHE_THROUGH"} if CONSISTENCY[args.consistency].writes else {}),
        **({"alluxio.user.file.replication.min": str(args.runtime.copies)} if args.runtime.copies > 1 else {}),
        **args.runtime.properties,
    }
    mode = "rw" if CONSISTENCY[args.consistency].writes else "ro"
    # One option by the name of Fluid's own default, after which comes the rest.
    arguments: dict[str, str | None] = {
        **({"kernel_cache": None} if args.consistency == "static" else {}),
        mode: None,
        "attr_timeout": str(seconds),
        "entry_timeout": str(seconds),
        **_parsed(args.runtime.fuse.arguments),
    }
    return Options(_access_mode(args), arguments=arguments, client=args.runtime.fuse.properties, shared=shared)


def _juicefs(args: DatasetArgs) -> Options:
    writes = CONSISTENCY[args.consistency].writes
    kept = {} if writes else {f"{name}-cache": str(stale_seconds(args)) for name in ("attr", "entry")}
    buffers = {"buffer-size": "2048", "max-uploads": "150"} if args.pattern == "sequential" else {}
    return Options(
        _access_mode(args),
        # Without a cache of its own the client uses the kernel's page cache, and then the workers (seed 003).
        client={**kept, **buffers, "cache-size": "0", **args.runtime.fuse.properties},
        worker={**buffers, **({"max-downloads": "200"} if buffers else {}), **args.runtime.properties},
    )
