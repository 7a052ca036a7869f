"""Refresh the pay-as-you-go prices of ECS instances in the price book: python -m components.catalog.refresh REGION

The prices come from Alibaba Cloud's own price API (GetPayAsYouGoPrice of BssOpenApi) with your credentials, which need
the RAM action bss:DescribePrice and are found by the SDK's default chain: ALIBABA_CLOUD_ACCESS_KEY_ID and
ALIBABA_CLOUD_ACCESS_KEY_SECRET, a CLI profile, or a role. The API is asked for one hour of every instance type of the
catalog, on Linux. A type that it prices gets a new row; any other row stays as it is, with its source. Disks stay as
they are too: none of this catalog's sources names the module code of a disk in this API.

Exit status: 0, the book was written; 1, a call failed and nothing was written; 2, an argument is wrong or the SDK is
not installed, and nothing was called.
"""

import argparse
import contextlib
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn, TypedDict, cast

from ..inputs import InvalidInput, Problem, one_of, require_valid
from . import instance_types, regions

SHIPPED = Path(__file__).parent / "prices.json"

ENDPOINTS: Mapping[str, str] = {
    "china": "business.aliyuncs.com",
    "international": "business.ap-southeast-1.aliyuncs.com",
}
"""The endpoint of the price API, by site. An account belongs to one site, whatever the region that it asks about."""

MODULE = "InstanceType"

PAUSE = 0.2
"""Seconds between two calls."""

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new try of a call that was throttled, failed on the server or found no network."""


class RefreshError(Exception):
    """Why prices could not be refreshed, in one line that says what to do. Nothing was written."""


class Transient(RefreshError):
    """An error that may be gone when the call is tried again."""


class MissingSdk(RefreshError):
    """The optional SDK is not installed."""


class SourceRow(TypedDict):
    """A source in prices.json."""

    source: str
    date: str
    how: str


class PriceRow(TypedDict):
    """A price in prices.json: what one `unit` of `item` costs in `region`."""

    item: str
    region: str
    unit: str
    price: float
    currency: str
    source: str


class Book(TypedDict):
    """prices.json."""

    note: str
    date: str
    sources: dict[str, SourceRow]
    prices: list[PriceRow]


@dataclass(frozen=True)
class Quote:
    """The list price of an instance for an hour."""

    amount: float
    currency: str


@dataclass(frozen=True)
class Answer:
    """An answer of the price API: the HTTP status and the JSON body, which is empty if it was no JSON object."""

    status: int
    body: Mapping[str, object]


@dataclass(frozen=True)
class Outcome:
    """What became of the instance types in a region.

    kept: no price from the API, so the old row stays; unpriced: no price from the API and no old row; currencies: those
    of all instance prices of the region, sorted.
    """

    region: str
    refreshed: Sequence[str]
    kept: Sequence[str]
    unpriced: Sequence[str]
    currencies: Sequence[str]

    def __str__(self) -> str:
        asked = len(self.refreshed) + len(self.kept) + len(self.unpriced)
        lines = [f"{self.region}: {len(self.refreshed)} of {asked} instance types refreshed"]
        if self.kept:
            lines.append(f"  kept (the API gave no price, the old one stays): {', '.join(self.kept)}")
        if self.unpriced:
            lines.append(f"  no price: {', '.join(self.unpriced)}")
        if len(self.currencies) > 1:
            lines.append(f"  the instance prices of this region are now in {' and '.join(self.currencies)}")
        return "\n".join(lines)


Ask = Callable[[Mapping[str, object]], Answer]
"""Puts one request to the price API. Raises `Transient` without an answer and `RefreshError` without credentials."""


def dump(book: Book) -> str:
    """The text of prices.json: one line for each source and each price, so that a diff shows what changed."""
    parts: list[str] = []
    for name, value in book.items():
        if isinstance(value, dict) and value:
            lines = [f"  {_json(key)}: {_json(row)}" for key, row in cast(dict[str, object], value).items()]
            text = "{\n" + ",\n".join(lines) + "\n }"
        elif isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {_json(row)}" for row in cast(list[object], value)) + "\n ]"
        else:
            text = _json(value)
        parts.append(f" {_json(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def load(path: Path) -> Book:
    """The price book in a file. Raises OSError if it cannot be read and ValueError if it is not JSON."""
    book: Book = json.loads(path.read_text(encoding="utf-8"))
    return book


# One type a call, though a call takes 50 modules: the prices that come back carry only the module code, which is the
# same for all types, no page promises their order, and one type without a price fails the whole call.
def request_for(name: str, region: str) -> Mapping[str, object]:
    """The parameters of GetPayAsYouGoPrice for one hour of an instance type on Linux."""
    config = f"{MODULE}:{name},IoOptimized:IoOptimized,ImageOs:linux"
    return {
        "ProductCode": "ecs",
        "SubscriptionType": "PayAsYouGo",
        "Region": region,
        "ModuleList": [{"ModuleCode": MODULE, "PriceType": "Hour", "Config": config}],
    }


def quote_in(answer: Answer) -> Quote | None:
    """The list price in an answer to `request_for`, or None if the type has no price there.

    The list price is OriginalCost, the counterpart of CostAfterDiscount; zero is no price. Raises `Transient` if
    another try may help, and `RefreshError` if the request was refused or the answer cannot be read.
    """
    body = answer.body
    code, message = str(body.get("Code") or ""), str(body.get("Message") or "")
    if _says_unpriced(code) or _says_unpriced(message):
        return None
    if answer.status >= 400 or body.get("Success") is False:
        raise _refusal(answer.status, code or "no error code", message)
    if body.get("Success") is not True:
        _malformed("it says neither success nor failure")
    data = _object(body.get("Data"), "Data")
    details = _object(data.get("ModuleDetails") or {}, "ModuleDetails").get("ModuleDetail") or []
    if not isinstance(details, list):
        _malformed("ModuleDetail is not a list")
    if not details:
        return None
    if len(cast(list[object], details)) > 1:
        _malformed("it has several prices for one instance type")
    detail = _object(cast(list[object], details)[0], "ModuleDetail")
    if detail.get("ModuleCode") != MODULE:
        _malformed(f"the price is of another module than {MODULE}")
    amount, currency = detail.get("OriginalCost"), data.get("Currency")
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount) or amount < 0:
        _malformed("OriginalCost is not an amount")
    if amount == 0:
        return None
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        _malformed("Currency is not a currency code")
    return Quote(amount, currency)


def merge(book: Book, quotes: Mapping[str, Mapping[str, Quote]], name: str, source: SourceRow) -> Book:
    """A price book with the quotes, by region and instance type, in place of the old rows or added to them.

    The new rows refer to the source `name`, and the book takes its date. Sources without a row are dropped.
    """
    rows = list(book["prices"])
    for region, by_type in quotes.items():
        for item, quote in by_type.items():
            _place(
                rows,
                {
                    "item": item,
                    "region": region,
                    "unit": "hour",
                    "price": quote.amount,
                    "currency": quote.currency,
                    "source": name,
                },
            )
    used = {row["source"] for row in rows}
    sources = {key: row for key, row in {**book["sources"], name: source}.items() if key in used}
    return {**book, "date": source["date"], "sources": sources, "prices": rows}


def outcome(region: str, names: Iterable[str], quotes: Mapping[str, Quote], before: Book, after: Book) -> Outcome:
    """What became of the instance types `names` in a region."""
    old = {row["item"] for row in before["prices"] if row["region"] == region}
    rest = [name for name in names if name not in quotes]
    currencies = {
        row["currency"] for row in after["prices"] if row["region"] == region and row["item"].startswith("ecs.")
    }
    return Outcome(
        region,
        list(quotes),
        [name for name in rest if name in old],
        [name for name in rest if name not in old],
        sorted(currencies),
    )


def price_api(endpoint: str, protocol: str = "https") -> Ask:
    """The price API at an endpoint, with the credentials of the SDK's default chain.

    Raises `MissingSdk` if the SDK is not installed and `RefreshError` if there are no credentials.
    """
    try:
        from alibabacloud_bssopenapi20171214 import models
        from alibabacloud_bssopenapi20171214.client import Client
        from alibabacloud_credentials.client import Client as Credentials
        from alibabacloud_credentials.exceptions import CredentialException
        from alibabacloud_tea_openapi.exceptions import AlibabaCloudException, ThrottlingException
        from alibabacloud_tea_openapi.utils_models import Config
        from darabonba.exceptions import RetryError, UnretryableException
    except ImportError:
        raise MissingSdk('The SDK of the price API is not installed: pip install "ack-ai-blueprint[prices]".') from None

    no_credentials = RefreshError(
        "No credentials were found: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, "
        "or make a CLI profile with aliyun configure."
    )
    try:
        credentials = Credentials()
        credentials.get_credential()
    except (CredentialException, ValueError):
        raise no_credentials from None
    client = Client(Config(credential=credentials, endpoint=endpoint, protocol=protocol))

    def ask(request: Mapping[str, object]) -> Answer:
        try:
            response = client.get_pay_as_you_go_price(models.GetPayAsYouGoPriceRequest().from_map(dict(request)))
        except AlibabaCloudException as error:
            status = 429 if isinstance(error, ThrottlingException) else error.status_code
            return Answer(status or 400, error.data or {"Code": error.code, "Message": error.message})
        except UnretryableException as error:
            if isinstance(error.inner_exception, CredentialException):
                raise no_credentials from None
            if isinstance(error.inner_exception, RetryError):
                raise Transient(
                    f"The price API at {endpoint} cannot be reached: check the network and HTTPS_PROXY, "
                    "and run the command again."
                ) from None
            raise Transient(
                f"The answer from {endpoint} is not JSON: check that no proxy answers instead of the price API, "
                "and run the command again."
            ) from None
        return Answer(response.status_code or 200, response.body.to_map() if response.body else {})

    return ask


def refresh(
    names: Iterable[str],
    site: str = "china",
    output: Path | None = None,
    *,
    endpoint: str | None = None,
    protocol: str = "https",
    sleep: Callable[[float], object] = time.sleep,
    progress: Callable[[str], object] = lambda line: None,
) -> Sequence[Outcome]:
    """Refresh the prices of the regions `names` in the shipped book and write it to `output`, by default in its place.

    site: a key of `ENDPOINTS`; endpoint: instead of the site's; sleep: how to wait some seconds; progress: takes a line
    before each region. Raises `InvalidInput` and `MissingSdk` before any call, and `RefreshError` if a call fails, if a
    region has no prices at all or if the book cannot be written; it is then as it was.
    """
    wanted, target = list(dict.fromkeys(names)), (output or SHIPPED).resolve()
    _check(wanted, target)
    endpoint = endpoint or ENDPOINTS[site]
    ask = price_api(endpoint, protocol)
    before, types = load(SHIPPED), list(instance_types())
    quotes: dict[str, dict[str, Quote]] = {}
    for region in wanted:
        progress(f"{region}: asking for the prices of {len(types)} instance types at {endpoint}")
        quotes[region] = _ask_all(ask, region, types, sleep)
        if not quotes[region]:
            raise RefreshError(
                f"The price API has no price for any instance type in {region}: "
                "check with --site that the account's site sells this region."
            )
    today = date.today().isoformat()
    source: SourceRow = {
        "source": f"BssOpenApi GetPayAsYouGoPrice at {endpoint}",
        "date": today,
        "how": "Refreshed with the price API; list price before discounts.",
    }
    after = merge(before, quotes, f"bss-{site}-{today}", source)
    try:
        _write(target, dump(after))
    except OSError as error:
        raise RefreshError(f"{target} cannot be written: {error.strerror}.") from None
    return [outcome(region, types, quotes[region], before, after) for region in wanted]


def main(
    argv: Sequence[str] | None = None,
    *,
    endpoint: str | None = None,
    protocol: str = "https",
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """The command. `argv` is by default what the user typed; the other arguments are those of `refresh`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}.refresh",
        description="Refresh the pay-as-you-go prices of ECS instances in the price book from Alibaba Cloud's price "
        "API. Your credentials need the RAM action bss:DescribePrice.",
    )
    parser.add_argument("region", nargs="+", metavar="REGION", help="a region of the catalog, such as cn-hangzhou")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write; by default over the shipped book")
    parser.add_argument("--site", choices=list(ENDPOINTS), default="china", help="the account's site (default: china)")
    options = parser.parse_args(argv)
    try:
        outcomes = refresh(
            options.region,
            options.site,
            options.output,
            endpoint=endpoint,
            protocol=protocol,
            sleep=sleep,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (InvalidInput, MissingSdk) as error:
        print(error, file=sys.stderr)
        return 2
    except RefreshError as error:
        print(f"{error} Nothing was written.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Nothing was written.", file=sys.stderr)
        return 130
    for line in outcomes:
        print(line)
    print(f"Written: {options.output or SHIPPED}")
    return 0


def _check(names: Sequence[str], target: Path) -> None:
    known = regions()
    problems = [
        Problem("REGION", name, one_of(name, known, "a region of the catalog")) for name in names if name not in known
    ]
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        problems.append(Problem("--output", str(target), "must be a file in a folder that exists and can be written"))
    require_valid(problems)


def _ask_all(ask: Ask, region: str, names: Iterable[str], sleep: Callable[[float], object]) -> dict[str, Quote]:
    quotes: dict[str, Quote] = {}
    for name in names:
        quote = _ask_patiently(ask, request_for(name, region), sleep)
        if quote is not None:
            quotes[name] = quote
        sleep(PAUSE)
    return quotes


def _ask_patiently(ask: Ask, request: Mapping[str, object], sleep: Callable[[float], object]) -> Quote | None:
    for wait in WAITS:
        try:
            return quote_in(ask(request))
        except Transient:
            sleep(wait)
    return quote_in(ask(request))


def _says_unpriced(text: str) -> bool:
    return "PRICING_PLAN_RESULT_NOT_FOUND" in text or "COMMODITY.INVALID_COMPONENT" in text


def _refusal(status: int, code: str, message: str) -> RefreshError:
    if status == 429 or code.startswith("Throttling"):
        return Transient(f"The price API throttles this account ({code}): run the command again in some minutes.")
    if code.startswith(("InvalidAccessKey", "InvalidSecurityToken", "InvalidCredentials")) or "Signature" in code:
        # Not the API's own message: it quotes what was signed.
        return RefreshError(
            f"The price API refuses the credentials ({code}): check that the access key exists and is active, "
            "and --site, because one site does not know the keys of the other."
        )
    if status in (401, 403) or code.startswith(("NoPermission", "NotAuthorized", "NotApplicable", "Forbidden")):
        return RefreshError(
            f"The price API denies this account ({code}): grant its user or role the RAM action bss:DescribePrice, "
            "and check --site."
        )
    if status >= 500 or code in ("InternalError", "ServiceUnavailable"):
        return Transient(f"The price API fails ({code}): run the command again later.")
    return RefreshError(f"The price API refuses the request ({code}): {' '.join(message.split()) or 'no message'}.")


def _malformed(why: str) -> NoReturn:
    raise RefreshError(f"The answer of the price API cannot be read, {why}: check for a newer release of this project.")


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        _malformed(f"{name} is not an object")
    return cast(dict[str, object], value)


def _place(rows: list[PriceRow], row: PriceRow) -> None:
    """Put a row in place of the one it renews, else among the rows of its item, else behind the last instance."""
    same = [index for index, old in enumerate(rows) if old["item"] == row["item"]]
    for index in same:
        if rows[index]["region"] == row["region"]:
            rows[index] = row
            return
    behind = [index + 1 for index, old in enumerate(rows) if old["item"].startswith("ecs.")]
    later = [index for index in same if rows[index]["region"] > row["region"]]
    rows.insert((later or [same[-1] + 1 if same else max(behind, default=len(rows))])[0], row)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
