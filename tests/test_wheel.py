"""The wheel: another program, which has nothing else of this project, imports components from it and previews."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support import ROOT

PROGRAM = """
from ack_ai_blueprint import Bucket, BucketArgs, InvalidInput, Network, NetworkArgs, ZoneScale
import ack_ai_blueprint, asyncio, json, pulumi
from pulumi.runtime import mocks


class Echo(mocks.Mocks):
    def __init__(self):
        self.names = []

    def new_resource(self, args):
        self.names.append(args.name)
        return f"{args.name}-id", args.inputs

    def call(self, args):
        return {}


asyncio.set_event_loop(asyncio.new_event_loop())
echo = Echo()
mocks.set_mocks(echo, project="theirs", stack="dev", preview=True)


def program():
    args = NetworkArgs(cidr="10.0.0.0/16", zones=["cn-hangzhou-h"], scale_per_zone=ZoneScale(nodes=50, pods=2000))
    network = Network("network", args, name="theirs-dev", region="cn-hangzhou")
    Bucket("raw", BucketArgs(expire_after_days=7), bucket="theirs-dev-raw")
    try:
        Bucket("bad", BucketArgs(), bucket="Not_A_Name")
    except InvalidInput as invalid:
        print(invalid)


asyncio.get_event_loop().run_until_complete(pulumi.runtime.stack.run_pulumi_func(program))
print(json.dumps(sorted(echo.names)))
print(ack_ai_blueprint.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_components_and_their_facts(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if not name.startswith("ack_ai_blueprint-")} == {"ack_ai_blueprint"}
    assert "ack_ai_blueprint/catalog/prices.json" in names
    assert "ack_ai_blueprint/py.typed" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_another_program_imports_components(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONWARNINGS": "ignore"}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    problem, names, where = result.stdout.splitlines()
    assert "Not_A_Name" in problem
    assert '"network-vpc"' in names
    assert '"raw-policy"' in names
    assert where.startswith(str(tmp_path / "site"))
