"""Schedules: which ever come, and the same ones earlier."""

import datetime

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.cache import LoadArgs
from components.cache.schedules import earlier, schedule_problem

NOT = "not a schedule: {}; write minute, hour, day, month and weekday, such as 0 2 * * *"
NEVER = "never comes: none of its months has such a day"
NO_SUNDAY = "not a schedule: weekdays are 0 to 6, 0 is Sunday"


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("0 2 * * *", ""),
        ("*/5 0-6 1,15 * MON-FRI", ""),
        ("5/10 2 * jan-mar,12 0,6", ""),
        ("0  2\t* * *", ""),
        ("0 0 29 2 *", ""),
        # Day of the month or of the week, whichever comes.
        ("0 0 31 2 1", ""),
        ("0 0 30 2 *", NEVER),
        ("0 0 31 2 *", NEVER),
        ("0 0 31 FEB *", NEVER),
        ("0 0 31 4,6,9,11 *", NEVER),
        ("60 2 * * *", NOT.format("bad minute")),
        ("*/0 2 * * *", NOT.format("bad minute")),
        ("0 24 * * *", NOT.format("bad hour")),
        ("0 22-2 * * *", NOT.format("bad hour")),
        ("0 2 0 * *", NOT.format("bad day-of-month")),
        ("0 2 MON * *", NOT.format("bad day-of-month")),
        ("0 2 * * 8", NO_SUNDAY),
        ("0 2 * * FRI-MON", NOT.format("bad day-of-week")),
        ("0 2 * * JAN", NOT.format("bad day-of-week")),
        ("0 2 1,,2 * *", NOT.format("1,,2 is no field of one")),
        ("whenever", NOT.format("whenever is no field of one")),
        # What Kubernetes does not read, whose parser is robfig/cron v3.
        ("0 2 L * *", NOT.format("L is no field of one")),
        ("0 2 LW * *", NOT.format("LW is no field of one")),
        ("0 2 * * 1#2", NOT.format("1#2 is no field of one")),
        ("0 2 * * 5L", NOT.format("5L is no field of one")),
        ("0 2 * * 7", NO_SUNDAY),
        ("0 2 * * 1,7", NO_SUNDAY),
        ("0 2 * * 5-7", NO_SUNDAY),
        ("0 2 * * 07", NO_SUNDAY),
        # A step is no day.
        ("0 2 * * */7", ""),
        ("0 2 * * 1-5/7", ""),
        ("0 2 * 13 *", NOT.format("bad month")),
        ("0 2 * 0 *", NOT.format("bad month")),
    ],
)
def test_what_is_wrong_with_a_schedule(cron: str, problem: str) -> None:
    assert schedule_problem(cron) == problem


@pytest.mark.parametrize("cron", ["0 2 * *", "0 0 2 * * *", "@daily", "", "CRON_TZ=UTC 0 2 * * *"])
def test_schedules_have_five_fields(cron: str) -> None:
    with pytest.raises(ValidationError):
        LoadArgs.model_validate({"schedule": cron})


@pytest.mark.parametrize(
    ("cron", "minutes", "found"),
    [
        ("0 2 * * *", 0, "0 2 * * *"),
        ("0 2 * * *", 20, "40 1 * * *"),
        ("0 2 * * *", 120, "0 0 * * *"),
        ("0 2 * * *", 121, "59 23 * * *"),
        ("5 0 * * *", 10, "55 23 * * *"),
        ("0 2 * * *", 3 * 24 * 60 + 1, "59 1 * * *"),
        ("30 8 * * 1", 60, "30 7 * * 1"),
        ("30 8 1 1 *", 60, "30 7 1 1 *"),
        # On another day, for which there may be no schedule.
        ("30 8 * * 1", 600, None),
        ("30 8 1 * *", 600, None),
        # No single minute and hour.
        ("*/5 8 * * *", 1, None),
        ("0,30 8 * * *", 1, None),
        ("0 8-9 * * *", 1, None),
        ("0 * * * *", 1, None),
    ],
)
def test_schedules_earlier(cron: str, minutes: int, found: str | None) -> None:
    assert earlier(cron, minutes) == found


DAYS = st.sampled_from(["* * *", "* * 1-5", "1 * *", "* 3 *", "29 2 *", "15,31 * SUN"])
BEGINNINGS = [
    datetime.datetime(year, month, day, 12, 34, tzinfo=datetime.UTC)
    for year, month, day in ((2024, 2, 28), (2025, 12, 31), (2026, 3, 29), (2026, 10, 25))
]


@given(st.integers(0, 59), st.integers(0, 23), DAYS, st.integers(0, 5000))
def test_an_earlier_schedule_fires_exactly_so_much_before(minute: int, hour: int, days: str, minutes: int) -> None:
    cron = f"{minute} {hour} {days}"
    found = earlier(cron, minutes)
    if found is None:
        assert days != "* * *"
        assert hour * 60 + minute < minutes
        return
    assert schedule_problem(found) == ""
    for beginning in BEGINNINGS:
        late, early = CronSim(cron, beginning), CronSim(found, beginning - datetime.timedelta(minutes=minutes))
        for _ in range(5):
            assert next(late) - next(early) == datetime.timedelta(minutes=minutes)
