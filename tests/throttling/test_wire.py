"""The XML of throttling: written as the samples are, read however it is spelled, integers only."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.throttling.wire import (
    BANDWIDTH_ITEMS,
    ITEMS,
    Level,
    Malformed,
    PriorityDocument,
    Qos,
    document_of,
    element_name,
    qos_of,
    read_page,
    read_priorities,
    read_qos,
    whole,
    write_priorities,
    write_qos,
)

NUMBERS = st.integers(-1, 100_000)
QOS = st.builds(Qos, **dict.fromkeys(ITEMS, NUMBERS))
MINIMA = st.builds(Qos, **dict.fromkeys(BANDWIDTH_ITEMS, NUMBERS))


@st.composite
def documents(draw: st.DrawFn) -> PriorityDocument:
    """Priority documents, each subject at one level."""
    count = draw(st.integers(3, 10))
    names = draw(st.lists(st.from_regex(r"\A[a-z0-9-]{3,30}\Z"), max_size=6, unique=True))
    levels = [
        Level(
            number,
            draw(MINIMA),
            frozenset((draw(st.sampled_from(["bucket", "group"])), name) for name in names[number - 1 :: count]),
        )
        for number in range(1, count + 1)
        if draw(st.booleans())
    ]
    return PriorityDocument(count, draw(st.integers(1, count)), draw(st.none() | MINIMA), tuple(levels))


@settings(deadline=None)
@given(QOS)
def test_limits_survive_the_wire_and_pulumi(qos: Qos) -> None:
    assert read_qos(write_qos(qos)) == qos
    floats = {name: float(value) for name, value in qos.properties().items()}
    assert qos_of(floats) == qos


@settings(deadline=None)
@given(documents())
def test_priorities_survive_the_wire_and_pulumi(document: PriorityDocument) -> None:
    assert read_priorities(write_priorities(document)) == document
    assert document_of(document.properties()) == document


def test_limits_are_written_as_in_the_samples() -> None:
    assert write_qos(Qos(upload_total=40, upload_internet=10, requests_total=100)).decode() == (
        "<QoSConfiguration><TotalUploadBandwidth>40</TotalUploadBandwidth>"
        "<IntranetUploadBandwidth>-1</IntranetUploadBandwidth><ExtranetUploadBandwidth>10</ExtranetUploadBandwidth>"
        "<TotalDownloadBandwidth>-1</TotalDownloadBandwidth><IntranetDownloadBandwidth>-1</IntranetDownloadBandwidth>"
        "<ExtranetDownloadBandwidth>-1</ExtranetDownloadBandwidth><TotalQps>100</TotalQps></QoSConfiguration>"
    )


def test_priorities_are_written_as_in_the_samples() -> None:
    minimum = Qos(10, 5, 4, 10, 5, 4)
    subjects = frozenset({("bucket", "b1"), ("group", "g1"), ("bucket", "b0")})
    document = PriorityDocument(3, 1, minimum, (Level(3, minimum, subjects), Level(2, None)))  # pyright: ignore[reportArgumentType]
    root = ElementTree.fromstring(write_priorities(document))  # noqa: S314
    assert [child.tag for child in root] == [
        "PriorityCount",
        "DefaultPriorityLevel",
        "DefaultGuaranteedQosConfiguration",
        "QosPriorityLevelConfiguration",
        "QosPriorityLevelConfiguration",
    ]
    assert [child.tag for child in root[3]] == ["PriorityLevel"]
    assert [child.tag for child in root[4]] == ["PriorityLevel", "GuaranteedQosConfiguration", "Subjects"]
    assert [(child.tag, child.text) for child in root[4][2]] == [
        ("Bucket", "b0"),
        ("Bucket", "b1"),
        ("BucketGroup", "g1"),
    ]
    assert [child.tag for child in root[4][1]] == [element_name(item) for item in BANDWIDTH_ITEMS]


@pytest.mark.parametrize(
    "body",
    [
        b"<QoSConfiguration><TotalUploadBandwidth>40</TotalUploadBandwidth></QoSConfiguration>",
        b"<QosConfiguration><TotalUploadBandwidth> 40 </TotalUploadBandwidth><New><A>1</A></New></QosConfiguration>",
        b"<R><BucketGroup>g</BucketGroup><QoSConfiguration><TotalUploadBandwidth>40</TotalUploadBandwidth>"
        b"</QoSConfiguration></R>",
        b"<R><resourcePoolBucketGroup>g</resourcePoolBucketGroup><QosConfiguration><TotalUploadBandwidth>40"
        b"</TotalUploadBandwidth></QosConfiguration></R>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<QoSConfiguration xmlns="http://doc.oss"><TotalUploadBandwidth>40'
        b"</TotalUploadBandwidth><TotalQps/></QoSConfiguration>",
    ],
)
def test_every_documented_spelling_is_read(body: bytes) -> None:
    assert read_qos(body) == Qos(upload_total=40)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "cut short"),
        (b"<QoSConfiguration><TotalUpl", "cut short"),
        (b"<Other/>", "no QoSConfiguration"),
        (b"<QoSConfiguration><TotalQps>many</TotalQps></QoSConfiguration>", "'many', not a whole number"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><QoSConfiguration/>', "document type"),
    ],
)
def test_what_cannot_be_read_is_said(body: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_qos(body)


def test_a_default_minimum_amounts_to_the_same_as_minimums() -> None:
    minimum = Qos(10, 5, 4, 10, 5, 4)
    short = PriorityDocument(3, 1, minimum, ())
    long = PriorityDocument(3, 1, None, tuple(Level(number, minimum) for number in (1, 2, 3)))
    assert short != long
    assert short.effective() == long.effective()


def test_pages() -> None:
    page = read_page(
        b"<L><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        b"<E><Name>a</Name><B>1</B><B>2</B></E><E/></L>",
        "E",
    )
    assert (page.entries, page.next) == ([{"name": ["a"], "b": ["1", "2"]}, {}], "t")
    assert read_page(b"<L><NextContinuationToken>t</NextContinuationToken></L>", "E").next is None


@pytest.mark.parametrize("value", [1.5, "1", True, None])
def test_only_whole_numbers(value: object) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        whole(value)


def test_unknown_items() -> None:
    with pytest.raises(ValueError, match="unknown items uploadTotla; allowed: uploadTotal, "):
        qos_of({"uploadTotla": 1})
