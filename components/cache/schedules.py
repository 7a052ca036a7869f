"""Schedules as of cron: whether they ever come, and the same ones earlier."""

import datetime
import re

from cronsim import CronSim, CronSimError

BEGINNING = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""A day from which on all schedules are looked at; which one it is does not matter."""

MINUTES_A_DAY = 24 * 60


def schedule_problem(cron: str) -> str:
    """What is wrong with a schedule of five fields, "" for nothing."""
    try:
        schedule = CronSim(cron, BEGINNING)
    except CronSimError as error:
        return f"not a schedule: {str(error).lower()}; write minute, hour, day, month and weekday, such as 0 2 * * *"
    return "" if next(schedule, None) else "never comes: no month has such a day"


def earlier(cron: str, minutes: int) -> str | None:
    """A schedule so many minutes earlier.

    None where it has no single minute and hour, or where it would come on another day, and is not daily.
    """
    fields = cron.split()
    if not all(re.fullmatch(r"[0-9]+", field) for field in fields[:2]):
        return None
    days, at = divmod(int(fields[1]) * 60 + int(fields[0]) - minutes, MINUTES_A_DAY)
    if days and fields[2:] != ["*", "*", "*"]:
        return None
    hour, minute = divmod(at, 60)
    return " ".join([str(minute), str(hour), *fields[2:]])
