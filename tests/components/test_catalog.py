"""The catalog: every row has a source with a date, and nothing else in the project holds a version of its own."""

import json
import re
from pathlib import Path

import pytest

from components import catalog
from components.inputs import minor_version
from support import ROOT

DATA = sorted((ROOT / "components" / "catalog").glob("*.json"))


@pytest.mark.parametrize("path", [p for p in DATA if p.name != "replacements.json"], ids=lambda path: path.stem)
def test_every_row_names_a_dated_source(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    data = json.loads(text)
    assert all(source["source"] and source["date"] for source in data["sources"].values())
    used = set(re.findall(r'"source": "([^"]+)"', json.dumps({k: v for k, v in data.items() if k != "sources"})))
    assert used
    assert used <= set(data["sources"])
    assert "UNCONFIRMED" not in json.dumps({k: v for k, v in data.items() if k != "sources"})


def test_known_figures() -> None:
    types = catalog.instance_types()
    assert (types["ecs.g8i.4xlarge"].vcpu, types["ecs.g8i.4xlarge"].memory_gib) == (16, 64)
    assert types["ecs.g8i.4xlarge"].pods == 210
    assert types["ecs.i4.8xlarge"].pods is None
    disks = types["ecs.i4.8xlarge"].local_disks
    assert disks is not None
    assert (disks.count, disks.size_gb, disks.medium) == (2, 3839, "NVMe")
    gpu = types["ecs.gn7i-8x.32xlarge"].gpu
    assert gpu is not None
    assert (gpu.count, gpu.memory_gb, gpu.model) == (8, 24, "A10")
    price = catalog.price_book().find("ecs.g8i.4xlarge", "cn-hangzhou")
    assert price is not None
    assert (price.amount, price.currency, price.unit, price.source.date) == (4.186, "CNY", "hour", "2024-12-31")
    assert catalog.price_book().find("ecs.g8i.4xlarge", "ap-southeast-1") is None


def test_the_pinned_kubernetes_version_is_supported() -> None:
    versions = catalog.kubernetes_versions()
    minor = minor_version(versions.default)
    assert minor is not None
    assert "{}.{}".format(*minor) in versions.minors


def test_prices_are_of_known_instance_types() -> None:
    items = {item for item, _ in catalog.price_book().prices if item.startswith("ecs.")}
    assert items <= set(catalog.instance_types())


def test_versions_of_systems_stand_in_the_catalog_only() -> None:
    forms = [form for entry in catalog.systems().values() for form in entry.values() if isinstance(form, dict)]
    versions = {release["version"] for form in forms for release in form.get("releases", ())}
    assert len(versions) > len(forms) / 2
    versions.add(catalog.kubernetes_versions().default)
    code = [path for folder in ("components", "policies", "stacks") for path in (ROOT / folder).rglob("*.py")]
    found = {
        (path.name, version)
        for path in code
        for version in versions
        # Examples in messages and docstrings may show a version; code may not use one.
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(rf'= "{re.escape(version)}"', line)
    }
    assert not found


def test_component_modules_fit_the_component_analyzer() -> None:
    for path in (ROOT / "components").rglob("*.py"):
        assert "from __future__ import annotations" not in path.read_text(encoding="utf-8"), path
