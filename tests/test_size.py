"""`python -m stacks.size`: the cheapest cache without an environment, what is wrong with its input, and its chart."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from components import catalog
from components.catalog import HOURS_PER_MONTH
from stacks.size import main

Output = pytest.CaptureFixture[str]
SEED = ("--instance-types", "ecs.g7nex.8xlarge", "--medium", "memory", "--workers", "2")
READER = ("--reader-type", "ecs.gn7i-c8g1.2xlarge")
ROW = re.compile(r"([0-9]+) x (ecs\.\S+), ([0-9,]+) GiB (memory|local-disk)\s+([0-9,]+)\s+([0-9]+)%\s+([0-9., ]+?)  ")
PNG = b"\x89PNG\r\n\x1a\n"


def _rows(text: str) -> list[re.Match[str]]:
    return [*ROW.finditer(text)]


def _months(text: str) -> list[float]:
    return [float(month.replace(",", "")) for month in re.findall(r"CNY ([0-9,]+)\s*$", text, re.MULTILINE)]


def _error(capsys: Output, *arguments: str) -> list[str]:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_the_example_of_the_seed(capsys: Output) -> None:
    """Seed 003: two workers of 40 Gbit/s in memory give 80, of which a pod on a node of 16 Gbit/s gets 16."""
    assert main(["--size-gib", "100", "--readers", "1", *READER, *SEED]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    (row,) = _rows(out)
    assert row.group(1, 2, 4, 6, 7) == ("2", "ecs.g7nex.8xlarge", "memory", "100", "80.0, 16.0, 16.0")
    assert "cache bandwidth = 2 x min(40 Gbit/s network, memory, which no network outruns)" in out
    assert re.search(r"capacity = 2 x [0-9]+ GiB", out)
    assert "network of the readers' nodes" in out
    price = catalog.price_book().find("ecs.g7nex.8xlarge", "cn-hangzhou")
    assert price is not None
    assert _months(out) == [round(2 * price.amount * HOURS_PER_MONTH)]


def test_readers_share_the_cache(capsys: Output) -> None:
    assert main(["--size-gib", "100", "--readers", "8", *READER, *SEED]) == 0
    (row,) = _rows(capsys.readouterr().out)
    assert row.group(7) == "80.0, 16.0, 10.0"
    assert main(["--size-gib", "100", "--readers", "8", "--readers-per-node", "4", *READER, *SEED]) == 0
    (row,) = _rows(capsys.readouterr().out)
    assert row.group(7) == "80.0, 16.0, 4.0"


def test_a_target_that_is_met_and_one_that_is_not(capsys: Output) -> None:
    assert main(["--size-gib", "100", "--readers", "5", "--pod-gbps", "16", *READER, *SEED]) == 0
    assert "cheapest" in capsys.readouterr().out
    assert main(["--size-gib", "100", "--readers", "6", "--pod-gbps", "16", *READER, *SEED]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "cheapest" not in out
    assert "Nothing here reaches the target; the nearest is limited by the network of the workers' nodes." in out
    assert main(["--size-gib", "100", "--pod-gbps", "17", *READER, *SEED]) == 1
    assert "the nearest is limited by the network of the readers' nodes." in capsys.readouterr().out


def test_data_that_do_not_fit(capsys: Output) -> None:
    assert main(["--size-gib", "1000", *SEED]) == 1
    out, _ = capsys.readouterr()
    assert "Nothing here reaches all data; the nearest is limited by the cache capacity." in out
    (row,) = _rows(out)
    assert row.group(6) == "0"


def test_a_first_pass_waits_for_the_source(capsys: Output) -> None:
    given = ["--size-gib", "100", "--readers", "4", *READER, *SEED, "--source-gbps", "10", "--epoch-minutes", "1"]
    assert main(given) == 0
    capsys.readouterr()
    assert main([*given, "--cold"]) == 1
    out, _ = capsys.readouterr()
    assert "limited by the bandwidth of the source." in out
    # 100 GiB at 10 Gbit/s; all four readers at 16 Gbit/s.
    assert f"{100 * 2**30 * 8 / 10e9 / 60:,.1f}, {100 * 2**30 * 8 / 64e9 / 60:,.1f}" in out


def test_files_take_requests(capsys: Output) -> None:
    given = ["--size-gib", "100", "--files", "6000000", "--pattern", "small-files", *READER, *SEED]
    assert main([*given, "--epoch-minutes", "5", "--cold"]) == 1
    out, _ = capsys.readouterr()
    assert "limited by the requests to the source." in out
    # 10,000 a second.
    assert "10.0" in out


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["--size-gib", "nan"], ["--size-gib = nan: must be above 0"]),
        (["--size-gib", "inf"], ["--size-gib = inf: must be above 0"]),
        (
            [
                *("--size-gib", "0", "--files", "0", "--readers", "0", "--readers-per-node", "-1"),
                *("--reader-gbps", "0", "--pod-gbps", "-1", "--epoch-minutes", "0", "--source-gbps", "0"),
                *("--workers", "0", "--most-workers", "0", "--copies", "0"),
            ],
            [
                "--size-gib = 0.0: must be above 0",
                "--files = 0: must be above 0",
                "--readers = 0: must be above 0",
                "--readers-per-node = -1: must be above 0",
                "--reader-gbps = 0.0: must be above 0",
                "--pod-gbps = -1.0: must be above 0",
                "--epoch-minutes = 0.0: must be above 0",
                "--source-gbps = 0.0: must be above 0",
                "--workers = 0: must be above 0",
                "--most-workers = 0: must be above 0",
                "--copies = 0: must be above 0",
            ],
        ),
        (
            ["--size-gib", "1", "--instance-types", "i4", "i4x", "ecs.i4.8xlrge"],
            [
                "--instance-types = 'i4x': not an instance type or family; did you mean 'i4'?",
                "--instance-types = 'ecs.i4.8xlrge': not an instance type or family; did you mean 'ecs.i4.8xlarge'?",
            ],
        ),
        (
            ["--size-gib", "1", "--reader-type", "ecs.g8i.2xlrge"],
            ["--reader-type = 'ecs.g8i.2xlrge': not an instance type; did you mean 'ecs.g8i.2xlarge'?"],
        ),
        (
            ["--size-gib", "1", "--region", "cn-hangzou"],
            ["--region = 'cn-hangzou': not a region of the catalog; did you mean 'cn-hangzhou'?"],
        ),
        (
            ["--size-gib", "1", "--pod-gbps", "1"],
            ["--reader-gbps = None: missing; a target needs the readers' nodes: this, or --reader-type"],
        ),
        (["--size-gib", "1", "--cold"], ["--cold = True: needs a target: --pod-gbps or --epoch-minutes"]),
        (
            ["--size-gib", "1", "--medium", "cloud-disk"],
            ["--medium = 'cloud-disk': is of a node pool's data disks; size it in an environment"],
        ),
        (
            ["--size-gib", "1", "--workers", "65"],
            ["--workers = 65: more than --most-workers = 64"],
        ),
        (["--size-gib", "1", "--chart", "cache.gif"], ["--chart = 'cache.gif': must end in .svg or .png"]),
        (
            ["--size-gib", "1", "--chart", "nowhere/cache.svg"],
            ["--chart = 'nowhere/cache.svg': its folder does not exist"],
        ),
        (
            ["--size-gib", "1", "--instance-types", "g8i", "--medium", "local-disk"],
            ["--instance-types: none has room for a cache of that medium, or so many workers"],
        ),
    ],
    ids=lambda value: value[-2].removeprefix("--") if isinstance(value, list) and len(value) > 1 else "",
)
def test_bad_input(arguments: list[str], problems: list[str], capsys: Output) -> None:
    assert _error(capsys, *arguments) == problems


@pytest.mark.parametrize(
    "arguments", [[], ["--size-gib", "much"], ["--size-gib", "1", "--pattern", "mixed"], ["--size-gib", "1", "--what"]]
)
def test_arguments_that_are_none(arguments: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m stacks.size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["--size-gib", "1000", "--readers", "16", "--reader-gbps", "16", "--pod-gbps", "2"],
        ["--size-gib", "12000", "--readers", "16", "--reader-type", "ecs.gn7i-c16g1.4xlarge", "--pod-gbps", "2"],
        ["--size-gib", "50", "--readers", "4", "--reader-gbps", "64", "--epoch-minutes", "0.2", "--each", "all"],
        ["--size-gib", "300"],
    ],
    ids=["middling", "large", "fast", "no target"],
)
def test_the_cheapest_is_the_cheapest(given: list[str], capsys: Output) -> None:
    assert main(given) == 0
    out, _ = capsys.readouterr()
    lines = [line for line in out.splitlines() if ROW.search(line)]
    assert [line.startswith("cheapest") for line in lines] == [True, *[False] * (len(lines) - 1)]
    months = _months(out)
    assert len(months) == len(lines) > 1
    assert months == sorted(months)
    # Each alone, and with another number of workers, costs no less.
    families = {name: instance_type.family for name, instance_type in catalog.instance_types().items()}
    rows = _rows(out)
    for other in {families[str(row[2])] for row in rows} | {"g8i", "i4", "r8i"}:
        main([*given, "--instance-types", other])
        alone, _ = capsys.readouterr()
        assert all(month >= months[0] for month in _months(alone) if "cheapest" in alone)
    workers = int(rows[0][1])
    for count in {1, workers - 1, workers + 1} - {0, workers}:
        code = main([*given, "--instance-types", str(rows[0][2]), "--workers", str(count)])
        text, _ = capsys.readouterr()
        cheaper = [month for month in _months(text) if month < months[0]]
        assert code == 1 or not cheaper


def test_every_shown_cache_costs_what_its_nodes_cost(capsys: Output) -> None:
    assert main(["--size-gib", "1000", "--readers", "16", "--reader-gbps", "16", "--pod-gbps", "2"]) == 0
    out, _ = capsys.readouterr()
    for row, month in zip(_rows(out), _months(out), strict=True):
        price = catalog.price_book().find(row[2], "cn-hangzhou")
        assert price is not None
        assert month == pytest.approx(int(row[1]) * price.amount * HOURS_PER_MONTH, abs=1)
        network = catalog.instance_types()[row[2]].network_gbps
        disks = catalog.local_disk_throughput().get(row[2])
        limits = [network, *([disks.read_gbps or network] if disks and row[4] == "local-disk" else [])]
        all_of_them = int(row[1]) * min(limits)
        assert row[7].startswith(f"{all_of_them:,.1f}, {min(16, all_of_them):,.1f}, ")


def test_families_and_types(capsys: Output) -> None:
    assert main(["--size-gib", "100", "--instance-types", "i4", "ecs.g8i.4xlarge"]) == 0
    shown = {str(row[2]) for row in _rows(capsys.readouterr().out)}
    assert shown
    assert all(name.startswith("ecs.i4.") or name == "ecs.g8i.4xlarge" for name in shown)
    assert main(["--size-gib", "100", "--instance-types", "ecs.g8i.4xlarge"]) == 0
    assert {row[2] for row in _rows(capsys.readouterr().out)} == {"ecs.g8i.4xlarge"}
    assert main(["--size-gib", "100", "--instance-types", "i4", "--medium", "memory"]) == 0
    assert {row[4] for row in _rows(capsys.readouterr().out)} == {"memory"}


def test_a_region_without_prices_says_so(capsys: Output) -> None:
    book = catalog.price_book()
    types = [name for name, found in catalog.instance_types().items() if found.gpu is None]
    without = next(
        (region, name)
        for region, name in itertools.product(sorted(catalog.regions()), types)
        if book.find(name, region) is None and name.endswith("4xlarge")
    )
    assert main(["--size-gib", "10", "--region", without[0], "--instance-types", without[1]]) == 0
    assert "no price" in capsys.readouterr().out


def _texts(path: Path) -> str:
    """What an SVG says: matplotlib draws letters, and keeps the text in a comment before each."""
    assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  (our own file)
    return path.read_text(encoding="utf-8")


def test_a_chart_as_svg(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "cache.svg"
    given = ["--size-gib", "100", "--readers", "6", *READER, *SEED, "--pod-gbps", "10", "--chart", str(path)]
    assert main(given) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Drawn: {path}"
    text = _texts(path)
    for expected in (
        *("1 worker", "2 workers (planned)", "4 workers", "8 workers", "target"),
        *("100 GiB on ecs.g7nex.8xlarge (memory)", "readers", "Gbit/s of all readers"),
    ):
        assert f">{expected}<" in text or f"<!-- {expected} -->" in text, expected
    # Nothing in it depends on when it was drawn.
    assert main(given) == 0
    assert "<dc:date>" not in text


def test_a_chart_without_a_target_and_with_less_than_all_data(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "cache.svg"
    assert main(["--size-gib", "150", *READER, *SEED, "--pattern", "random", "--chart", str(path)]) == 0
    capsys.readouterr()
    text = _texts(path)
    assert re.search(r"1 worker, [0-9]+% held", text)
    assert "2 workers (planned)" in text
    assert ">target<" not in text
    assert "<!-- target -->" not in text


def test_a_chart_as_png(tmp_path: Path) -> None:
    path = tmp_path / "cache.png"
    assert main(["--size-gib", "100", *READER, *SEED, "--chart", str(path)]) == 0
    assert path.read_bytes().startswith(PNG)


def test_a_chart_of_what_does_not_do_is_drawn_too(tmp_path: Path) -> None:
    path = tmp_path / "cache.png"
    assert main(["--size-gib", "1000", *READER, *SEED, "--chart", str(path)]) == 1
    assert path.read_bytes().startswith(PNG)
