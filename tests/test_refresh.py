"""The refresh of the price book, with the real SDK against a price API on this machine."""

import json
import re
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.catalog import refresh as module
from components.catalog.refresh import Answer, Book, Quote, RefreshError, Transient, quote_in
from components.inputs import InvalidInput

KEY_ID, KEY_SECRET = "test-key-id", "test-key-secret"
TYPES = ("ecs.g7.xlarge", "ecs.g9i.xlarge", "ecs.g8i.xlarge")
TODAY = "2027-01-31"


@dataclass(frozen=True)
class Reply:
    """What the price API answers: an HTTP status and a body, as JSON unless it is text."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def priced(amount: float, currency: str = "CNY", *, discounted: float | None = None) -> Reply:
    detail = {
        "ModuleCode": "InstanceType",
        "UnitPrice": amount,
        "OriginalCost": amount,
        "CostAfterDiscount": amount if discounted is None else discounted,
        "InvoiceDiscount": 0 if discounted is None else amount - discounted,
    }
    data = {"Currency": currency, "ModuleDetails": {"ModuleDetail": [detail]}}
    return Reply({"Success": True, "Code": "Success", "Message": "Successful!", "RequestId": "R", "Data": data})


def error(code: str, status: int, message: str = "said by the API", **headers: str) -> Reply:
    return Reply({"RequestId": "R", "Code": code, "Message": message}, status, headers)


UNPRICED = Reply(
    {"Success": False, "Code": "InternalError", "Message": "PRICE.PRICING_PLAN_RESULT_NOT_FOUND", "RequestId": "R"}
)
THROTTLED = error("Throttling.User", 400)


class PriceApi:
    """A server that speaks the RPC format of BssOpenApi.

    It answers each instance type with the replies in `script`, the last one again and again, and with a price of 2 if
    there are none.
    """

    def __init__(self) -> None:
        self.script: dict[str, list[Reply]] = {}
        self.requests: list[Mapping[str, str]] = []
        self.asked: dict[str, int] = defaultdict(int)
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                reply = api.reply(
                    query, self.headers.get("Authorization") or "", self.headers.get("x-acs-action") or ""
                )
                text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json;charset=utf-8")
                for name, value in reply.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"127.0.0.1:{self.server.server_port}"

    def reply(self, query: Mapping[str, str], authorization: str, action: str) -> Reply:
        signed = rf"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders=[^,]+,Signature=[0-9a-f]{{64}}"
        if not re.fullmatch(signed, authorization):
            return error("IncompleteSignature", 400)
        if action != "GetPayAsYouGoPrice":
            return error("InvalidAction.NotFound", 404)
        self.requests.append(query)
        name = query["ModuleList.1.Config"].split(",")[0].removeprefix("InstanceType:")
        replies = self.script.get(name) or [priced(2.0)]
        self.asked[name] += 1
        return replies[min(self.asked[name], len(replies)) - 1]


@dataclass
class Command:
    """The command, against a price API. `waits` are the seconds that it would have slept."""

    api: PriceApi
    book: Path
    capture: pytest.CaptureFixture[str]
    waits: list[float] = field(default_factory=list[float])

    def __call__(self, *arguments: str, endpoint: str | None = None) -> tuple[int, str, str]:
        """The exit status and what was printed, to standard output and to standard error."""
        status = module.main(arguments, endpoint=endpoint or self.api.endpoint, protocol="http", sleep=self.sleep)
        printed = self.capture.readouterr()
        assert KEY_ID not in printed.out + printed.err
        assert KEY_SECRET not in printed.out + printed.err
        return status, printed.out, printed.err

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def rows(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        return {(row["item"], row["region"]): row for row in module.load(self.book)["prices"]}


@pytest.fixture
def api() -> Iterator[PriceApi]:
    api = PriceApi()
    thread = threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield api
    api.server.shutdown()
    api.server.server_close()
    thread.join()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str | None, str | None], None]:
    """Sets the access key that the SDK finds, and hides every other source of credentials."""
    # The SDK reads the environment when it is imported, so setting the variables would come too late.
    environment = "alibabacloud_credentials.utils.auth_util.environment_"
    for name in ("HTTP_PROXY", "http_proxy", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "ecs_metadata_disabled": "true",
        "cli_profile_disabled": "true",
        "credentials_file": str(tmp_path / "no-credentials"),
        "credentials_uri": None,
        "security_token": None,
    }.items():
        monkeypatch.setattr(environment + name, value)
    monkeypatch.setattr("alibabacloud_credentials.utils.auth_util.enable_oidc_credential", False)

    def use(key_id: str | None, secret: str | None) -> None:
        monkeypatch.setattr(environment + "access_key_id", key_id)
        monkeypatch.setattr(environment + "access_key_secret", secret)

    use(KEY_ID, KEY_SECRET)
    return use


class FixedDate(date):
    """A calendar that stands still."""

    @classmethod
    def today(cls) -> "FixedDate":
        return cls.fromisoformat(TODAY)


@pytest.fixture
def command(
    api: PriceApi,
    credentials: object,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """The command over a copy of the shipped book and a catalog of three types: g9i has no price in the book."""
    book = tmp_path / "prices.json"
    book.write_bytes(module.SHIPPED.read_bytes())
    monkeypatch.setattr(module, "SHIPPED", book)
    monkeypatch.setattr(module, "date", FixedDate)
    monkeypatch.setattr(module, "instance_types", lambda: dict.fromkeys(TYPES))
    return Command(api, book, capsys)


def small_book() -> Book:
    source = {"source": "a page", "date": "2024-12-31", "how": "Read."}

    def row(item: str, region: str, source: str) -> dict[str, Any]:
        return {"item": item, "region": region, "unit": "hour", "price": 1, "currency": "CNY", "source": source}

    rows = [row("ecs.a", "r1", "old"), row("ecs.a", "r3", "old"), row("ecs.b", "r1", "old"), row("nat", "r1", "nat")]
    book: Any = {"note": "é", "date": "2024-12-31", "sources": {"old": source, "nat": source}, "prices": rows}
    return book


def test_the_shipped_book_is_dumped_byte_for_byte() -> None:
    assert module.dump(module.load(module.SHIPPED)).encode() == module.SHIPPED.read_bytes()


def test_a_book_without_rows_is_still_json() -> None:
    book: Book = {"note": "é", "date": TODAY, "sources": {}, "prices": []}
    assert module.dump(book) == f'{{\n "note": "é",\n "date": "{TODAY}",\n "sources": {{}},\n "prices": []\n}}\n'


def test_prices_are_refreshed_kept_and_missing(command: Command) -> None:
    command.api.script = {
        "ecs.g7.xlarge": [priced(1.25, discounted=0.5)],
        "ecs.g8i.xlarge": [UNPRICED],
        "ecs.g9i.xlarge": [UNPRICED],
    }
    before = command.rows()
    status, out, err = command("cn-hangzhou")
    rows, book = command.rows(), module.load(command.book)

    assert status == 0
    assert out == (
        "cn-hangzhou: 1 of 3 instance types refreshed\n"
        "  kept (the API gave no price, the old one stays): ecs.g8i.xlarge\n"
        "  no price: ecs.g9i.xlarge\n"
        f"Written: {command.book}\n"
    )
    assert err == f"cn-hangzhou: asking for the prices of 3 instance types at {command.api.endpoint}\n"
    changed = {key for key, row in rows.items() if row != before.get(key)}
    assert changed == {("ecs.g7.xlarge", "cn-hangzhou")}
    assert rows["ecs.g7.xlarge", "cn-hangzhou"] == {
        "item": "ecs.g7.xlarge",
        "region": "cn-hangzhou",
        "unit": "hour",
        "price": 1.25,
        "currency": "CNY",
        "source": f"bss-china-{TODAY}",
    }
    assert book["date"] == TODAY
    assert book["sources"][f"bss-china-{TODAY}"] == {
        "source": f"BssOpenApi GetPayAsYouGoPrice at {command.api.endpoint}",
        "date": TODAY,
        "how": "Refreshed with the price API; list price before discounts.",
    }


def test_a_refresh_changes_one_line_a_price(command: Command) -> None:
    before = command.book.read_text(encoding="utf-8").splitlines()
    command("cn-hangzhou")
    after = command.book.read_text(encoding="utf-8").splitlines()
    # Two old rows, the date, and the comma behind what was the last source.
    assert len(set(before) - set(after)) == 4
    # And in their place the same four, with a new source and the row that the book did not have.
    assert len(set(after) - set(before)) == 6
    assert module.dump(module.load(command.book)) == command.book.read_text(encoding="utf-8")


def test_the_request_asks_for_one_hour_of_one_type(command: Command) -> None:
    command("cn-hangzhou", "cn-beijing", "cn-hangzhou")
    asked = [(query["ModuleList.1.Config"], query["Region"]) for query in command.api.requests]
    assert asked == [
        (f"InstanceType:{name},IoOptimized:IoOptimized,ImageOs:linux", region)
        for region in ("cn-hangzhou", "cn-beijing")
        for name in TYPES
    ]
    assert {key: command.api.requests[0][key] for key in sorted(command.api.requests[0])} == {
        "ModuleList.1.Config": asked[0][0],
        "ModuleList.1.ModuleCode": "InstanceType",
        "ModuleList.1.PriceType": "Hour",
        "ProductCode": "ecs",
        "Region": "cn-hangzhou",
        "SubscriptionType": "PayAsYouGo",
    }
    assert command.waits == [module.PAUSE] * 6


def test_another_file_and_the_other_site(command: Command, tmp_path: Path) -> None:
    before = command.book.read_bytes()
    command.api.script = {name: [priced(0.3, "USD")] for name in TYPES[:2]}
    command.api.script[TYPES[2]] = [UNPRICED]
    output = tmp_path / "other.json"
    status, out, _ = command("cn-shanghai", "--site", "international", "--output", str(output))
    assert status == 0
    assert "the instance prices of this region are now in CNY and USD" in out
    assert command.book.read_bytes() == before
    assert f"bss-international-{TODAY}" in module.load(output)["sources"]


def test_a_file_keeps_its_mode(command: Command) -> None:
    command.book.chmod(0o640)
    command("cn-hangzhou")
    assert command.book.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "hiccup",
    [
        THROTTLED,
        error("Throttling", 429),
        error("Busy", 400, x_acs_retry_after="10"),
        error("ServiceUnavailable", 503),
        Reply({"Success": False, "Code": "InternalError", "Message": "try later"}),
        Reply("<html>Bad Gateway</html>", 502),
        Reply("{"),
    ],
    ids=["throttled", "429", "retry-after", "5xx", "failure in a 200", "gateway", "half an answer"],
)
def test_a_call_is_tried_again(command: Command, hiccup: Reply) -> None:
    command.api.script = {"ecs.g7.xlarge": [hiccup, hiccup, priced(3.5)]}
    status, _, _ = command("cn-hangzhou")
    assert status == 0
    assert command.rows()["ecs.g7.xlarge", "cn-hangzhou"]["price"] == 3.5
    assert command.waits == [1.0, 2.0, *[module.PAUSE] * 3]


@pytest.mark.parametrize(
    ("reply", "tries", "said"),
    [
        (THROTTLED, 6, "throttles this account (Throttling.User): run the command again in some minutes."),
        (error("InternalError", 500), 6, "fails (InternalError): run the command again later."),
        (Reply("not json"), 6, "is not JSON"),
        (error("NoPermission", 403), 1, "grant its user or role the RAM action bss:DescribePrice"),
        (Reply({"Success": False, "Code": "NotAuthorized"}), 1, "the RAM action bss:DescribePrice"),
        (error("NotApplicable", 400), 1, "the RAM action bss:DescribePrice, and check --site."),
        (error("InvalidAccessKeyId.NotFound", 404), 1, "refuses the credentials (InvalidAccessKeyId.NotFound)"),
        (error("InvalidAccessKeyId.Inactive", 403), 1, "refuses the credentials (InvalidAccessKeyId.Inactive)"),
        (error("SignatureDoesNotMatch", 400, f"signed {KEY_ID}"), 1, "refuses the credentials"),
        (error("MissingParameter", 400, "a\nb"), 1, "refuses the request (MissingParameter): a b."),
        (Reply([1]), 1, "cannot be read"),
        (Reply("null"), 1, "cannot be read"),
        (Reply({"Success": True, "Data": "x"}), 1, "cannot be read"),
        (Reply({"Success": True, "Data": {"ModuleDetails": {"ModuleDetail": ["x"]}}}), 1, "cannot be read"),
    ],
)
def test_an_error_is_one_line_and_writes_nothing(command: Command, reply: Reply, tries: int, said: str) -> None:
    before = command.book.read_bytes()
    command.api.script = {"ecs.g9i.xlarge": [reply]}
    status, out, err = command("cn-hangzhou")
    assert status == 1
    assert out == ""
    progress, message = err.splitlines()
    assert progress.startswith("cn-hangzhou: ")
    assert said in message
    assert message.endswith(" Nothing was written.")
    assert command.api.asked == {"ecs.g7.xlarge": 1, "ecs.g9i.xlarge": tries}
    assert command.waits == [module.PAUSE, *module.WAITS[: tries - 1]]
    assert command.book.read_bytes() == before
    assert list(command.book.parent.iterdir()) == [command.book]


def test_no_network(command: Command) -> None:
    before = command.book.read_bytes()
    command.api.server.server_close()
    status, _, err = command("cn-hangzhou")
    assert status == 1
    assert f"The price API at {command.api.endpoint} cannot be reached: check the network" in err
    assert command.waits == list(module.WAITS)
    assert command.book.read_bytes() == before


def test_no_credentials(command: Command, credentials: Callable[[str | None, str | None], None]) -> None:
    credentials(None, None)
    status, _, err = command("cn-hangzhou")
    assert status == 1
    assert err.splitlines() == [
        "No credentials were found: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, "
        "or make a CLI profile with aliyun configure. Nothing was written."
    ]
    assert command.api.requests == []


def test_credentials_that_are_lost_on_the_way(
    command: Command, credentials: Callable[[str | None, str | None], None]
) -> None:
    ask = module.price_api(command.api.endpoint, "http")
    credentials(None, None)
    with pytest.raises(RefreshError, match="No credentials were found"):
        ask(module.request_for("ecs.g7.xlarge", "cn-hangzhou"))


def test_a_region_without_any_price(command: Command) -> None:
    command.api.script = {name: [UNPRICED] for name in TYPES}
    before = command.book.read_bytes()
    status, _, err = command("cn-hangzhou")
    assert status == 1
    assert "no price for any instance type in cn-hangzhou: check with --site" in err
    assert command.book.read_bytes() == before


def test_an_unknown_region(command: Command) -> None:
    status, out, err = command("cn-hangzou", "cn-shanghai")
    assert (status, out) == (2, "")
    assert err == "REGION = 'cn-hangzou': not a region of the catalog; did you mean 'cn-hangzhou'?\n"
    assert command.api.requests == []


def test_an_output_that_cannot_be(command: Command, tmp_path: Path) -> None:
    status, _, err = command("cn-hangzhou", "--output", str(tmp_path / "none" / "prices.json"))
    assert status == 2
    assert "must be a file in a folder that exists and can be written" in err
    with pytest.raises(InvalidInput):
        module.refresh(["cn-hangzhou"], output=tmp_path)
    assert command.api.requests == []


def test_a_write_that_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    before = command.book.read_bytes()
    monkeypatch.setattr("os.replace", full)
    status, _, err = command("cn-hangzhou")
    assert status == 1
    assert f"{command.book} cannot be written: No space left on device. Nothing was written." in err
    assert command.book.read_bytes() == before
    assert list(command.book.parent.iterdir()) == [command.book]


def test_an_interruption(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    before = command.book.read_bytes()
    monkeypatch.setattr(command, "sleep", interrupt)
    status, _, err = command("cn-hangzhou")
    assert status == 130
    assert err.endswith("Interrupted. Nothing was written.\n")
    assert command.book.read_bytes() == before


def test_without_the_sdk(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alibabacloud_bssopenapi20171214", None)
    status, out, err = command("cn-hangzhou")
    assert (status, out) == (2, "")
    assert err == 'The SDK of the price API is not installed: pip install "ack-ai-blueprint[prices]".\n'
    assert command.api.requests == []


def test_the_command_starts_as_a_module() -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "components.catalog.refresh"]
    run = subprocess.run([*command, "mars"], cwd=root, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("REGION = 'mars': not a region of the catalog; allowed: ")
    help = subprocess.run([*command, "--help"], cwd=root, capture_output=True, text=True, check=True)
    assert help.stdout.startswith("usage: python -m components.catalog.refresh [-h]")


def answer(details: object, **data: object) -> Answer:
    return Answer(
        200, {"Success": True, "Data": {"Currency": "CNY", "ModuleDetails": {"ModuleDetail": details}, **data}}
    )


def detail(amount: object = 1.5, module: str = "InstanceType", **more: object) -> dict[str, object]:
    return {"ModuleCode": module, "OriginalCost": amount, **more}


def test_the_list_price_is_the_cost_before_the_discount() -> None:
    assert quote_in(answer([detail(2, CostAfterDiscount=1, UnitPrice=3)])) == Quote(2, "CNY")


@pytest.mark.parametrize(
    "unpriced",
    [
        answer([]),
        answer([detail(0)]),
        answer([{"ModuleCode": "InstanceType", "CostAfterDiscount": 1}]),
        Answer(200, {"Success": True, "Data": {"Currency": "CNY"}}),
        Answer(400, {"Code": "PRICE.PRICING_PLAN_RESULT_NOT_FOUND"}),
        Answer(400, {"Code": "InvalidParameter", "Message": "COMMODITY.INVALID_COMPONENT"}),
    ],
)
def test_no_price_is_never_zero(unpriced: Answer) -> None:
    assert quote_in(unpriced) is None


@pytest.mark.parametrize(
    "unreadable",
    [
        Answer(200, {}),
        Answer(200, {"Success": "yes"}),
        Answer(200, {"Success": True}),
        answer({"a": 1}),
        answer([1]),
        answer([detail(), detail()]),
        answer([detail(module="SystemDisk")]),
        answer([detail("1.5")]),
        answer([detail(True)]),
        answer([detail(-1)]),
        answer([detail(float("nan"))]),
        answer([detail()], Currency=None),
        answer([detail()], Currency="yuan"),
    ],
)
def test_what_cannot_be_read_is_refused(unreadable: Answer) -> None:
    with pytest.raises(
        RefreshError, match=r"^The answer of the price API cannot be read, .+: check for a newer release"
    ):
        quote_in(unreadable)


def test_a_failing_server_is_transient() -> None:
    with pytest.raises(Transient, match="no error code"):
        quote_in(Answer(500, {}))


def test_new_rows_join_their_item() -> None:
    quotes = {"r2": {"ecs.a": Quote(2.5, "CNY"), "ecs.c": Quote(4, "CNY")}, "r4": {"ecs.a": Quote(3, "CNY")}}
    book = module.merge(small_book(), quotes, "new", {"source": "the API", "date": TODAY, "how": "Asked."})
    assert [(row["item"], row["region"], row["price"], row["source"]) for row in book["prices"]] == [
        ("ecs.a", "r1", 1, "old"),
        ("ecs.a", "r2", 2.5, "new"),
        ("ecs.a", "r3", 1, "old"),
        ("ecs.a", "r4", 3, "new"),
        ("ecs.b", "r1", 1, "old"),
        ("ecs.c", "r2", 4, "new"),
        ("nat", "r1", 1, "nat"),
    ]
    assert list(book["sources"]) == ["old", "nat", "new"]
    assert book["date"] == TODAY


def test_a_source_without_a_row_is_dropped_and_the_old_book_is_not_changed() -> None:
    old = small_book()
    quotes = {"r1": {"ecs.a": Quote(2, "CNY"), "ecs.b": Quote(2, "CNY")}, "r3": {"ecs.a": Quote(2, "CNY")}}
    book = module.merge(old, quotes, "new", {"source": "the API", "date": TODAY, "how": "Asked."})
    assert list(book["sources"]) == ["nat", "new"]
    assert old == small_book()
