"""Arguments that several tests use."""

from typing import Any

from components.throttling import ThrottlingArgs

from .double import POOL

ROLES = ("raw", "features", "models", "scratch", "logs")
BUCKETS = {role: f"acme-test-{role}" for role in ROLES}
DIRECTION = {"total": "100Gbps", "intranet": "80Gbps", "internet": "20Gbps"}
POOL_BANDWIDTH = {"upload": DIRECTION, "download": DIRECTION}


def both(**items: str) -> dict[str, Any]:
    """The same limits for both directions."""
    return {"upload": items, "download": items}


def throttling(**given: Any) -> ThrottlingArgs:
    """Arguments on a pool of 100 Gbit/s, of which 80 are for the intranet and 20 for the Internet."""
    values = {"enabled": True, "pool": POOL, "poolBandwidth": POOL_BANDWIDTH, **given}
    return ThrottlingArgs.model_validate(values)


CLASSES: dict[str, Any] = {
    "requesters": {"trainer": {"role": "trainer"}, "etl": {"id": "300123456789"}},
    "classes": {
        "training": {
            "priority": 3,
            "guaranteed": "40%",
            "maximum": "60%",
            "buckets": ["features", "models"],
            "requesters": ["trainer"],
        },
        "batch": {"priority": 2, "guaranteed": "20Gbps", "buckets": ["raw"], "requesters": ["etl"]},
        "ad-hoc": {"priority": 1, "guaranteed": "10%", "maximum": "30Gbps", "buckets": ["scratch"]},
    },
}

EVERYTHING: dict[str, Any] = {
    "buckets": {
        "raw": {**both(total="30Gbps", internet="5Gbps"), "requests": {"total": 5000}},
        "models": {"download": {"total": "10Gbps"}},
    },
    "groups": {"lake": {"buckets": ["raw", "features"], "limits": both(total="50Gbps")}},
    "requesters": {
        "etl": {"id": "300123456789", "limits": both(total="20Gbps")},
        "etl-on-raw": {"id": "300123456789", "bucket": "raw", "limits": {"upload": {"total": "5Gbps"}}},
        "trainer": {"role": "trainer"},
    },
    "priorities": {
        "defaultMinimum": both(total="10Gbps", intranet="5Gbps", internet="4Gbps"),
        "defaultLevel": 2,
        "levels": [
            {"buckets": ["scratch"], "requesters": ["etl"]},
            {},
            {
                "minimum": both(total="40Gbps", intranet="30Gbps", internet="5Gbps"),
                "groups": ["lake"],
                "buckets": ["models"],
                "requesters": ["trainer"],
            },
        ],
    },
}
