"""Renews the tokens with which caches read buckets. It runs in the cluster, on Python 3.10 or later alone.

JindoRuntime knows no pod identity (fluid v1.0.8; aliyun/alibabacloud-jindodata @ccf56f3c), but reads a token out of a
Secret that somebody renews (jindo_fluid_ways_to_use.md, 2024-11-15). This is somebody: it takes the RAM role of each
dataset with the token of its own service account (AssumeRoleWithOIDC, which needs no signature) and writes what it gets
into the dataset's Secret. Configuration, a JSON file: `endpoint` of STS, `provider` (ARN of the cluster's OIDC
provider), `namespace`, `roles` (ARN by Secret).
"""

import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

SECONDS = 3600
"""How long a token is good: the most that a RAM role gives by default."""

PERIOD = SECONDS / 4
RETRY = 30
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
IDENTITY = "/var/run/secrets/sts/token"
CONFIGURATION = "/etc/refresher/configuration.json"
RENEWED = "/tmp/renewed"  # noqa: S108  (the pod's own)
"""A file that is there while all tokens are renewed."""


def call(request: urllib.request.Request, context: ssl.SSLContext | None = None) -> Any:
    """The JSON answer to a request."""
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return json.load(response)


def token_of(role: str, configuration: Mapping[str, Any], identity: str) -> dict[str, str]:
    """A token of a RAM role, by the keys under which JindoSDK looks for it."""
    fields = {
        "Action": "AssumeRoleWithOIDC",
        "Version": "2015-04-01",
        "Format": "JSON",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "SignatureNonce": base64.b16encode(os.urandom(16)).decode(),
        "RoleArn": role,
        "OIDCProviderArn": configuration["provider"],
        "OIDCToken": identity,
        "RoleSessionName": "dataset",
        "DurationSeconds": str(SECONDS),
    }
    body = urllib.parse.urlencode(fields).encode()
    found = call(urllib.request.Request(configuration["endpoint"], body, method="POST"))["Credentials"]
    return {key: found[key] for key in ("AccessKeyId", "AccessKeySecret", "SecurityToken")}


def write(
    secret: str,
    data: Mapping[str, str],
    namespace: str,
    server: str,
    account: str,
    context: ssl.SSLContext | None = None,
) -> None:
    """Put data into a Secret, which is made if there is none."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    secrets = f"{server}/api/v1/namespaces/{namespace}/secrets"
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "data": encoded}

    def send(method: str, url: str, kind: str) -> None:
        headers = {"Authorization": f"Bearer {account}", "Content-Type": kind}
        call(urllib.request.Request(url, json.dumps(body).encode(), headers, method=method), context)

    try:
        send("PATCH", f"{secrets}/{secret}", "application/merge-patch+json")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        send("POST", secrets, "application/json")


def read(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def reason(error: urllib.error.HTTPError) -> str:
    """What an answer says of a refusal; it holds no token."""
    try:
        return error.read().decode(errors="replace")
    except Exception:  # Half an answer is none.
        return ""


def refresh(
    configuration: Mapping[str, Any],
    server: str,
    context: ssl.SSLContext | None = None,
    account: str = ACCOUNT,
    identity: str = IDENTITY,
) -> int:
    """Renew all tokens, and give how many could not be."""
    failed = 0
    for secret, role in sorted(configuration["roles"].items()):
        try:
            data = token_of(role, configuration, read(identity))
            write(secret, data, configuration["namespace"], server, read(f"{account}/token"), context)
            print(f"{secret}: renewed", flush=True)
        except urllib.error.HTTPError as error:
            print(f"{secret}: {error} {reason(error)}".rstrip(), file=sys.stderr, flush=True)
            failed += 1
        except Exception as error:  # One role must not keep the others from being renewed.
            # Texts of errors may hold what was sent.
            why = f" {error}" if isinstance(error, OSError) else ""
            print(f"{secret}: {type(error).__name__}{why}", file=sys.stderr, flush=True)
            failed += 1
    return failed


def main() -> None:
    """Renew the tokens again and again."""
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    while True:
        failed = refresh(json.loads(read(CONFIGURATION)), server, context)
        # A pod that could not renew all is not ready, which is seen where pods are watched.
        if not failed:
            open(RENEWED, "w", encoding="utf-8").close()
        elif os.path.exists(RENEWED):
            os.remove(RENEWED)
        time.sleep(RETRY if failed else PERIOD)


if __name__ == "__main__":
    main()
