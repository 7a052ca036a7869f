"""What consistency classes and ways of reading mean for each kind of runtime, beside the YAML of seed 003."""

import re
from collections.abc import Mapping
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cache.datasets import JUICE, NFS, S3, dataset
from components.cache.args import ConsistencyClass, DatasetArgs, RuntimeKind
from components.cache.options import CONSISTENCY, MOST_CACHED_FILES, REFRESH_SECONDS, Options, options_of, stale_seconds
from components.cache.sizing import Pattern

KINDS: tuple[RuntimeKind, ...] = get_args(RuntimeKind)
CLASSES: tuple[ConsistencyClass, ...] = get_args(ConsistencyClass)
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
MOUNTS: Mapping[str, Any] = {"jindo": S3, "alluxio": S3, "juicefs": JUICE, "thin": NFS}
ONLY_READ, READ_WRITE = "ReadOnlyMany", "ReadWriteMany"


def _args(kind: RuntimeKind, consistency: ConsistencyClass = "static", **values: Any) -> DatasetArgs:
    runtime = {"kind": kind, **values.pop("runtime", {})}
    refresh = {"refresh": "0 2 * * *"} if consistency == "periodic" else {}
    return dataset(MOUNTS[kind], consistency=consistency, runtime=runtime, **refresh, **values)


def _options(kind: RuntimeKind, consistency: ConsistencyClass = "static", **values: Any) -> Options:
    return options_of(_args(kind, consistency, **{"pattern": "random", **values}), kind)


def _written(arguments: Mapping[str, str | None]) -> str:
    return " ".join(name if value is None else f"{name}={value}" for name, value in arguments.items())


def test_every_class_says_what_it_promises_and_costs() -> None:
    assert tuple(CONSISTENCY) == CLASSES
    for chosen in CONSISTENCY.values():
        for text in (chosen.guarantees, chosen.costs):
            assert re.fullmatch(r"[A-Z].{20,}\.", text)
        assert chosen.kinds
        assert {*chosen.kinds} <= {*KINDS}
    assert [name for name, chosen in CONSISTENCY.items() if chosen.writes] == ["separate-writes", "read-write"]
    # A workspace needs all of POSIX, which object storage has not.
    assert CONSISTENCY["read-write"].kinds == ("juicefs", "thin")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("consistency", "mode", "seconds"),
    [
        ("static", ONLY_READ, 7200),
        ("periodic", ONLY_READ, 600),
        ("event-driven", ONLY_READ, 30),
        ("separate-writes", READ_WRITE, 0),
        ("read-write", READ_WRITE, 0),
    ],
)
def test_access_modes_and_seconds(kind: RuntimeKind, consistency: ConsistencyClass, mode: str, seconds: int) -> None:
    assert _options(kind, consistency).access_mode == mode
    assert stale_seconds(_args(kind, consistency)) == seconds


ONCE = {"metaPolicy": "ONCE"}
TIMEOUTS = "attr_timeout={0} entry_timeout={0} negative_timeout={0} no_symlink"
CLIENT = "jindo_attr_timeout={0} jindo_entry_timeout={0}"
JINDO: Mapping[ConsistencyClass, tuple[Mapping[str, str], str]] = {
    "static": (ONCE, f"kernel_cache ro {TIMEOUTS.format(7200)} pread"),
    # Half of what may be stale for the kernel, and half for the client behind it.
    "periodic": (ONCE, f"auto_cache ro {TIMEOUTS.format(300)} {CLIENT.format(300)} pread"),
    "event-driven": (
        {"metaPolicy": "ALWAYS"},
        f"auto_cache ro {TIMEOUTS.format(15)} {CLIENT.format(15)} pread",
    ),
    "separate-writes": (
        {**ONCE, "writePolicy": "WRITE_THROUGH"},
        f"auto_cache {TIMEOUTS.format(0)} {CLIENT.format(0)} pread",
    ),
}


@pytest.mark.parametrize("consistency", JINDO)
def test_classes_with_jindo(consistency: ConsistencyClass) -> None:
    mount, arguments = JINDO[consistency]
    found = _options("jindo", consistency)
    assert (found.mount, _written(found.arguments)) == (mount, arguments)
    assert (found.client, found.shared, found.worker) == ({}, {}, {})


SYNC, CACHED = "alluxio.user.file.metadata.sync.interval", "alluxio.user.metadata.cache.enabled"
WRITE_TYPE = "alluxio.user.file.writetype.default"
ALLUXIO: Mapping[ConsistencyClass, tuple[Mapping[str, str], str]] = {
    "static": ({SYNC: "-1", CACHED: "true"}, "kernel_cache ro attr_timeout=7200 entry_timeout=7200"),
    "periodic": ({SYNC: "-1", CACHED: "false"}, "ro attr_timeout=300 entry_timeout=300"),
    # Half of 30 for the kernel, and half for the master behind it.
    "event-driven": ({SYNC: "15s", CACHED: "false"}, "ro attr_timeout=15 entry_timeout=15"),
    "separate-writes": (
        {SYNC: "-1", CACHED: "false", WRITE_TYPE: "CACHE_THROUGH"},
        "rw attr_timeout=0 entry_timeout=0",
    ),
}


@pytest.mark.parametrize("consistency", ALLUXIO)
def test_classes_with_alluxio(consistency: ConsistencyClass) -> None:
    shared, arguments = ALLUXIO[consistency]
    found = _options("alluxio", consistency)
    assert (found.shared, _written(found.arguments)) == (shared, arguments)
    assert (found.mount, found.client, found.worker) == ({}, {}, {})


NO_CACHE = {"cache-size": "0"}
JUICEFS: Mapping[ConsistencyClass, Mapping[str, str]] = {
    "static": {"attr-cache": "7200", "entry-cache": "7200", **NO_CACHE},
    "periodic": {"attr-cache": "600", "entry-cache": "600", **NO_CACHE},
    "event-driven": {"attr-cache": "30", "entry-cache": "30", **NO_CACHE},
    "separate-writes": NO_CACHE,
    "read-write": NO_CACHE,
}


@pytest.mark.parametrize("consistency", JUICEFS)
def test_classes_with_juicefs(consistency: ConsistencyClass) -> None:
    found = _options("juicefs", consistency)
    assert (found.client, found.worker) == (JUICEFS[consistency], {})
    assert (found.mount, found.arguments, found.shared) == ({}, {}, {})


@pytest.mark.parametrize("consistency", CLASSES)
def test_classes_with_a_client_alone(consistency: ConsistencyClass) -> None:
    found = _options("thin", consistency)
    assert (found.mount, found.arguments, found.client, found.shared, found.worker) == ({}, {}, {}, {}, {})


SITUATION_3 = """
fuse:
  args: [-oauto_cache, -oattr_timeout=30, -oentry_timeout=30, -onegative_timeout=30, -ometrics_port=0]
  properties:
    fs.jindofsx.meta.cache.enable: "false"
"""


def test_situation_3_of_the_seed() -> None:
    """Fluid itself adds `-ometrics_port=0`; the engine jindocache has `metaPolicy: ALWAYS` for the property, which was
    jindofsx's. What comes on top: `-oro`, as the dataset is read-only, and the client's own metadata cache, which is
    why its 30 seconds are 60 here."""
    fuse = yaml.safe_load(SITUATION_3)["fuse"]
    found = _options("jindo", "event-driven", pattern="small-files", staleSeconds=60)
    ours = {f"-o{argument}" for argument in _written(found.arguments).split()}
    assert {*fuse["args"]} - ours == {"-ometrics_port=0"}
    assert ours - {*fuse["args"]} == {"-oro", "-ono_symlink", "-ojindo_attr_timeout=30", "-ojindo_entry_timeout=30"}
    assert found.mount == {"metaPolicy": "ALWAYS"}


@pytest.mark.parametrize(
    ("situation", "consistency", "mode"),
    [
        (1, "static", ONLY_READ),
        (2, "periodic", ONLY_READ),
        (3, "event-driven", ONLY_READ),
        (4, "separate-writes", READ_WRITE),
        (5, "read-write", READ_WRITE),
    ],
)
def test_access_modes_of_the_seeds_situations(situation: int, consistency: ConsistencyClass, mode: str) -> None:
    """1 to 3 leave Fluid's default; 4 and 5 say ReadWriteMany."""
    assert CLASSES[situation - 1] == consistency
    assert _options("juicefs", consistency).access_mode == mode


SEQUENTIAL_OF_THE_SEED = {
    "fs.oss.download.thread.concurrency": "200",
    "fs.oss.read.buffer.size": "8388608",
    "fs.oss.read.readahead.max.buffer.count": "200",
    "fs.oss.read.sequence.ambiguity.range": "2147483647",
}


def test_large_files_from_front_to_back_are_read_ahead_as_the_seed_says() -> None:
    client = _options("jindo", pattern="sequential").client
    assert SEQUENTIAL_OF_THE_SEED.items() <= client.items()
    assert client.keys() - SEQUENTIAL_OF_THE_SEED.keys() == {"fs.oss.download.async.concurrency"}
    found = _options("juicefs", "separate-writes", pattern="sequential")
    assert found.client == {"buffer-size": "2048", "cache-size": "0", "max-uploads": "150"}
    assert found.worker == {"buffer-size": "2048", "max-downloads": "200", "max-uploads": "150"}


@pytest.mark.parametrize(
    ("pattern", "consistency", "files", "mount", "size"),
    [
        ("small-files", "static", None, {"cacheStrategy": "DHT"}, None),
        ("small-files", "static", 10, {"cacheStrategy": "DHT"}, "50000"),
        ("small-files", "periodic", 300_000, {"cacheStrategy": "DHT"}, "300000"),
        ("small-files", "static", 10**9, {"cacheStrategy": "DHT"}, str(MOST_CACHED_FILES)),
        # DHT needs metadata that are looked up once (fluid v1.0.8).
        ("small-files", "event-driven", 300_000, {}, None),
        ("small-files", "separate-writes", 300_000, {}, None),
        ("sequential", "static", 300_000, {}, None),
    ],
)
def test_many_small_files(
    pattern: Pattern, consistency: ConsistencyClass, files: int | None, mount: Mapping[str, str], size: str | None
) -> None:
    found = _options("jindo", consistency, pattern=pattern, files=files)
    assert {key: value for key, value in found.mount.items() if key == "cacheStrategy"} == mount
    assert found.arguments.get("jindo_attr_size") == found.arguments.get("jindo_entry_size") == size
    assert "pread" not in found.arguments


def test_copies_are_told() -> None:
    runtime = {"copies": 2}
    assert _options("jindo", runtime=runtime).mount["readCacheReplica"] == "2"
    assert _options("alluxio", runtime=runtime).shared["alluxio.user.file.replication.min"] == "2"
    assert "readCacheReplica" not in _options("jindo").mount


def test_what_a_user_says_wins() -> None:
    fuse = {"arguments": ["-oattr_timeout=5", "-omax_idle_threads=32", "-odebug"], "properties": {"buffer-size": "1"}}
    runtime = {"fuse": fuse, "properties": {SYNC: "1h", "max-downloads": "3"}}
    jindo = _options("jindo", runtime=runtime)
    assert jindo.arguments["attr_timeout"] == "5"
    assert jindo.arguments["entry_timeout"] == "7200"
    assert [*jindo.arguments][-2:] == ["max_idle_threads", "debug"]
    assert (jindo.client, jindo.shared) == ({"buffer-size": "1"}, runtime["properties"])
    # Of two that exclude each other, too.
    auto = _options("jindo", runtime={"fuse": {"arguments": ["-oauto_cache"]}}).arguments
    assert "kernel_cache" not in auto
    assert "auto_cache" in auto
    alluxio = _options("alluxio", runtime=runtime)
    assert (alluxio.arguments["attr_timeout"], alluxio.arguments["debug"]) == ("5", None)
    assert alluxio.shared[SYNC] == "1h"
    juicefs = _options("juicefs", "read-write", pattern="sequential", runtime=runtime)
    assert juicefs.client["buffer-size"] == "1"
    assert juicefs.worker["buffer-size"] == "2048"
    assert juicefs.worker["max-downloads"] == "3"


def _seconds(values: Mapping[str, str | None], *names: str) -> int:
    """The longest of what one layer keeps."""
    return max(int((values[name] or "").removesuffix("s")) for name in names)


@given(st.integers(0, 86_400))
def test_a_change_is_seen_within_stale_seconds_through_all_layers(seconds: int) -> None:
    jindo = _options("jindo", "event-driven", staleSeconds=seconds).arguments
    kernel = _seconds(jindo, "attr_timeout", "entry_timeout", "negative_timeout")
    client = _seconds(jindo, "jindo_attr_timeout", "jindo_entry_timeout")
    assert seconds - 1 <= kernel + client <= seconds
    alluxio = _options("alluxio", "event-driven", staleSeconds=seconds)
    kernel = _seconds(alluxio.arguments, "attr_timeout", "entry_timeout")
    assert seconds - 1 <= kernel + _seconds(alluxio.shared, SYNC) <= seconds
    # JuiceFS asks its metadata engine each time that the kernel does.
    assert _seconds(_options("juicefs", "event-driven", staleSeconds=seconds).client, "attr-cache") == seconds


CLIENT_SECONDS = 60
"""For how long the client of JindoRuntime keeps metadata unless told otherwise, as components/cache/options.py says."""


@pytest.mark.parametrize(("consistency", "promised"), [("periodic", REFRESH_SECONDS), ("separate-writes", 0)])
def test_the_client_keeps_no_metadata_longer_than_is_promised(consistency: ConsistencyClass, promised: int) -> None:
    found = _options("jindo", consistency).arguments
    client = int(found.get("jindo_attr_timeout") or CLIENT_SECONDS)
    assert int(found["attr_timeout"] or 0) + client <= promised


def test_who_keeps_no_metadata_promises_nothing_of_them() -> None:
    """NFS clients keep attributes for up to 60 seconds, and nothing refreshes them."""
    assert [name for name, chosen in CONSISTENCY.items() if "thin" in chosen.kinds] == [
        *("static", "separate-writes", "read-write")
    ]


@given(
    st.sampled_from(KINDS),
    st.sampled_from(CLASSES),
    st.sampled_from(PATTERNS),
    st.integers(0, 86_400),
    st.none() | st.integers(1, 10**9),
)
def test_nothing_that_is_written_is_mounted_read_only(
    kind: RuntimeKind, consistency: ConsistencyClass, pattern: Pattern, seconds: int, files: int | None
) -> None:
    stale = {"staleSeconds": seconds} if consistency == "event-driven" else {}
    found = _options(kind, consistency, pattern=pattern, files=files, **stale)
    writes = CONSISTENCY[consistency].writes
    assert found.access_mode == (READ_WRITE if writes else ONLY_READ)
    if kind in ("jindo", "alluxio"):
        assert ("ro" in found.arguments) is not writes
    if writes:
        assert not {value for name, value in found.arguments.items() if name.endswith("_timeout")} - {"0"}
    # Only data that nobody changes stay in the kernel's page cache when they are opened again.
    assert ("kernel_cache" in found.arguments) == (kind in ("jindo", "alluxio") and consistency == "static")
    for texts in (found.mount, found.client, found.shared, found.worker):
        assert all(isinstance(value, str) for value in texts.values())
