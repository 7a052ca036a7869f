"""What renews the tokens of caches, against a server that answers as STS and as the Kubernetes API do."""

import ast
import base64
import json
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.cache import refresher

IDENTITY, ACCOUNT = "identity-of-the-pod", "account-of-the-pod"
PROVIDER = "acs:ram::1:oidc-provider/ack-rrsa-c1"
ROLES = {f"{name}-token": f"acs:ram::1:role/acme-test-dataset-{name}" for name in ("first", "second", "third")}
SECRETS = "/api/v1/namespaces/datasets/secrets"
SECRET_TEXTS = (IDENTITY, ACCOUNT, "key-of-", "session-of-")


@dataclass
class Cloud:
    """A server that answers as both; what it was asked; whom it refuses.

    missing: Secrets that are not there yet; unmakable: those that may not be made; malformed: answers of STS by role;
    cut: roles whose refusal breaks off.
    """

    address: str = ""
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    written: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    requests: list[str] = field(default_factory=list[str])
    missing: set[str] = field(default_factory=set[str])
    unmakable: set[str] = field(default_factory=set[str])
    cut: set[str] = field(default_factory=set[str])
    refused_roles: set[str] = field(default_factory=set[str])
    refused_secrets: set[str] = field(default_factory=set[str])
    malformed: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def sts(self, body: bytes) -> tuple[int, bytes]:
        """The answer of STS."""
        fields = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        self.asked.append(fields)
        role = fields["RoleArn"]
        if role in self.malformed:
            return 200, self.malformed[role]
        if role in self.refused_roles:
            return 400, json.dumps(
                {"Code": "AuthenticationFail.NoPermission", "Message": "no", "RequestId": "1"}
            ).encode()
        short = role.rpartition("-")[2]
        credentials = {
            "AccessKeyId": f"STS.{short}",
            "AccessKeySecret": f"key-of-{short}",
            "SecurityToken": f"session-of-{short}",
            "Expiration": "2026-11-22T12:00:00Z",
        }
        return 200, json.dumps({"RequestId": "1", "Credentials": credentials, "AssumedRoleUser": {}}).encode()

    def kubernetes(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """The answer of the Kubernetes API."""
        self.headers.append(headers)
        self.requests.append(f"{method} {path}")
        found = json.loads(body)
        secret = found["metadata"]["name"]
        refused = {"PATCH": self.refused_secrets, "POST": self.unmakable}[method]
        if secret in refused:
            return 403, json.dumps({"kind": "Status", "reason": "Forbidden", "code": 403}).encode()
        if method == "PATCH" and secret in self.missing:
            return 404, json.dumps({"kind": "Status", "reason": "NotFound", "code": 404}).encode()
        if method == "POST" and secret not in self.missing:
            return 409, json.dumps({"kind": "Status", "reason": "AlreadyExists", "code": 409}).encode()
        self.missing.discard(secret)
        self.written[secret] = found
        return 201 if method == "POST" else 200, json.dumps({"kind": "Secret"}).encode()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A server on this machine, for as long as a test runs."""
    state = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: bytes, missing: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def do_POST(self) -> None:
            body = self._body()
            if self.path.startswith("/api/"):
                self._answer(*state.kubernetes("POST", self.path, dict(self.headers.items()), body))
                return
            answer = state.sts(body)
            self._answer(*answer, missing=100 if state.asked[-1]["RoleArn"] in state.cut else 0)

        def do_PATCH(self) -> None:
            self._answer(*state.kubernetes("PATCH", self.path, dict(self.headers.items()), self._body()))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of the pod: its tokens, with the newline that editors leave."""
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "token").write_text(f"{ACCOUNT}\n")
    (tmp_path / "identity").write_text(f"{IDENTITY}\n")
    return tmp_path


def _refresh(cloud: Cloud, files: Path, **changes: Any) -> int:
    configuration = {
        "endpoint": cloud.address,
        "provider": PROVIDER,
        "namespace": "datasets",
        "roles": ROLES,
        **changes,
    }
    return refresher.refresh(
        configuration, cloud.address, account=str(files / "account"), identity=str(files / "identity")
    )


def _quiet(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """What was printed, in which there is no token."""
    captured = capsys.readouterr()
    for text in SECRET_TEXTS:
        assert text not in captured.out + captured.err
    return captured.out.splitlines(), captured.err.splitlines()


def _secret(cloud: Cloud, name: str) -> dict[str, str]:
    found = cloud.written[name]
    assert found.keys() == {"apiVersion", "kind", "metadata", "data"}
    assert (found["apiVersion"], found["kind"], found["metadata"]) == ("v1", "Secret", {"name": name})
    return {key: base64.b64decode(value, validate=True).decode() for key, value in found["data"].items()}


def test_every_token_is_renewed(cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _refresh(cloud, files) == 0
    assert len(cloud.written) == 3
    assert _secret(cloud, "first-token") == {
        "AccessKeyId": "STS.first",
        "AccessKeySecret": "key-of-first",
        "SecurityToken": "session-of-first",
    }
    assert _quiet(capsys) == ([f"{secret}: renewed" for secret in ROLES], [])


def test_what_is_asked_of_sts(cloud: Cloud, files: Path) -> None:
    _refresh(cloud, files)
    assert [fields["RoleArn"] for fields in cloud.asked] == [*ROLES.values()]
    fields = dict(cloud.asked[0])
    assert fields.pop("Timestamp").endswith("Z")
    assert len({asked["SignatureNonce"] for asked in cloud.asked}) == 3
    fields.pop("SignatureNonce")
    assert fields == {
        "Action": "AssumeRoleWithOIDC",
        "Version": "2015-04-01",
        "Format": "JSON",
        "RoleArn": ROLES["first-token"],
        "OIDCProviderArn": PROVIDER,
        "OIDCToken": IDENTITY,
        "RoleSessionName": "dataset",
        "DurationSeconds": "3600",
    }
    # A token is renewed long before it ends, and after a refusal at once.
    assert refresher.RETRY < refresher.PERIOD < refresher.SECONDS / 2


def test_what_is_asked_of_kubernetes(cloud: Cloud, files: Path) -> None:
    _refresh(cloud, files)
    assert cloud.requests == [f"PATCH {SECRETS}/{secret}" for secret in ROLES]
    for headers in cloud.headers:
        assert headers["Authorization"] == f"Bearer {ACCOUNT}"
        # What else is in the Secret stays.
        assert headers["Content-Type"] == "application/merge-patch+json"


def test_a_secret_that_is_not_there_is_made(cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.missing = {"second-token"}
    assert _refresh(cloud, files) == 0
    assert cloud.requests == [
        f"PATCH {SECRETS}/first-token",
        f"PATCH {SECRETS}/second-token",
        f"POST {SECRETS}",
        f"PATCH {SECRETS}/third-token",
    ]
    assert cloud.headers[2]["Content-Type"] == "application/json"
    assert cloud.headers[2]["Authorization"] == f"Bearer {ACCOUNT}"
    assert _secret(cloud, "second-token")["SecurityToken"] == "-".join(["session", "of", "second"])
    assert _quiet(capsys) == ([f"{secret}: renewed" for secret in ROLES], [])
    # It is there from then on.
    cloud.requests.clear()
    assert _refresh(cloud, files) == 0
    assert cloud.requests == [f"PATCH {SECRETS}/{secret}" for secret in ROLES]


def test_a_secret_that_may_not_be_made_keeps_nobody_else_waiting(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.missing = cloud.unmakable = {"second-token"}
    assert _refresh(cloud, files) == 1
    assert [*cloud.written] == ["first-token", "third-token"]
    out, err = _quiet(capsys)
    assert len(out) == 2
    assert err[0].startswith("second-token: HTTP Error 403")


def test_a_role_that_sts_refuses_keeps_nobody_else_waiting(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.refused_roles = {ROLES["first-token"]}
    assert _refresh(cloud, files) == 1
    assert [*cloud.written] == ["second-token", "third-token"]
    out, err = _quiet(capsys)
    assert out == ["second-token: renewed", "third-token: renewed"]
    assert len(err) == 1
    assert err[0].startswith("first-token: HTTP Error 400")
    assert "AuthenticationFail.NoPermission" in err[0]


def test_a_secret_that_may_not_be_written_keeps_nobody_else_waiting(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.refused_secrets = {"second-token"}
    assert _refresh(cloud, files) == 1
    assert len(cloud.written) == 2
    # What is there already is not made.
    assert f"POST {SECRETS}" not in cloud.requests
    out, err = _quiet(capsys)
    assert len(out) == 2
    assert err[0].startswith("second-token: HTTP Error 403")
    assert "Forbidden" in err[0]


def test_without_an_identity_nothing_is_asked(cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "identity").unlink()
    assert _refresh(cloud, files) == 3
    assert not cloud.asked
    out, err = _quiet(capsys)
    assert not out
    assert all("No such file or directory" in line for line in err)


def test_without_an_account_nothing_is_written(cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "account" / "token").unlink()
    assert _refresh(cloud, files) == 3
    assert not cloud.written
    _quiet(capsys)


def test_a_server_that_is_not_there_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = Cloud("http://127.0.0.1:9")
    assert _refresh(nowhere, files) == 3
    assert len(_quiet(capsys)[1]) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "JSONDecodeError"),
        (b"<html>busy</html>", "JSONDecodeError"),
        (b"{}", "KeyError"),
        (b'{"Credentials": {"AccessKeyId": "STS.first"}}', "KeyError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"[]", "TypeError"),
        (b'{"Credentials": null}', "TypeError"),
        (
            b'{"Credentials": {"AccessKeyId": 1, "AccessKeySecret": "key-of-first", "SecurityToken": ""}}',
            "AttributeError",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_keeps_nobody_else_waiting(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str], answer: bytes, error: str
) -> None:
    cloud.malformed = {ROLES["first-token"]: answer}
    assert _refresh(cloud, files) == 1
    assert [*cloud.written] == ["second-token", "third-token"]
    # Its text may hold what was answered.
    assert _quiet(capsys)[1] == [f"first-token: {error}"]


def test_a_refusal_that_breaks_off_keeps_nobody_else_waiting(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.refused_roles = cloud.cut = {ROLES["first-token"]}
    assert _refresh(cloud, files) == 1
    assert [*cloud.written] == ["second-token", "third-token"]
    _quiet(capsys)


def test_a_token_that_is_no_header_is_not_printed(
    cloud: Cloud, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "account" / "token").write_text(f"{ACCOUNT}\nand more")
    assert _refresh(cloud, files) == 3
    assert _quiet(capsys) == ([], [f"{secret}: ValueError" for secret in ROLES])


def test_no_role_nothing_to_do(cloud: Cloud, files: Path) -> None:
    assert _refresh(cloud, files, roles={}) == 0
    assert not cloud.asked


class _EndOfTest(Exception):
    pass


def _run(cloud: Cloud, files: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """The script's own loop, until it sleeps: for how long."""
    configuration = files / "configuration.json"
    names = {"endpoint": cloud.address, "provider": PROVIDER, "namespace": "datasets", "roles": ROLES}
    configuration.write_text(json.dumps(names))
    real, slept = refresher.refresh, list[float]()

    def refresh(found: Any, server: str, context: Any) -> int:
        assert server == "https://10.0.0.1:443"
        return real(found, cloud.address, None, str(files / "account"), str(files / "identity"))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise _EndOfTest

    def no_context(cafile: str) -> None:
        assert cafile == f"{refresher.ACCOUNT}/ca.crt"

    monkeypatch.setattr(refresher, "CONFIGURATION", str(configuration))
    monkeypatch.setattr(refresher, "RENEWED", str(files / "renewed"))
    monkeypatch.setattr(refresher, "refresh", refresh)
    monkeypatch.setattr(refresher.time, "sleep", sleep)
    monkeypatch.setattr(refresher.ssl, "create_default_context", no_context)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(_EndOfTest):
        refresher.main()
    return slept[0]


def test_it_is_ready_once_all_tokens_are_there(cloud: Cloud, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.refused_roles = {ROLES["first-token"]}
    with monkeypatch.context() as patched:
        assert _run(cloud, files, patched) == refresher.RETRY
    assert not (files / "renewed").exists()
    cloud.refused_roles = set()
    with monkeypatch.context() as patched:
        assert _run(cloud, files, patched) == refresher.PERIOD
    assert (files / "renewed").exists()
    # And no more once one of them is not.
    cloud.refused_roles = {ROLES["second-token"]}
    with monkeypatch.context() as patched:
        assert _run(cloud, files, patched) == refresher.RETRY
    assert not (files / "renewed").exists()


def test_it_needs_nothing_but_python() -> None:
    tree = ast.parse(Path(refresher.__file__).read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported
    assert imported <= sys.stdlib_module_names
