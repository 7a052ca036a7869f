"""Schedules as of cron: whether they ever come, and the same ones earlier."""

import datetime
import re

from cronsim import CronSim, CronSimError

BEGINNING = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""A day from which on all schedules are looked at; which one it is does not matter."""

MINUTES_A_DAY = 24 * 60
SATURDAY = 6


FIELDS = re.compile(r"(\*|[0-9]+(-[0-9]+)?|[A-Za-z]{3}(-[A-Za-z]{3})?)(/[0-9]+)?")
"""One entry of a field as all that read schedules here know it: Kubernetes, KEDA and the cron autoscaler. L, W and # of
other crons are not in it. Source: robfig/cron v3, the parser of all three."""


def schedule_problem(cron: str) -> str:
    """What is wrong with a schedule of five fields, "" for nothing."""
    fields = cron.split()
    how = "write minute, hour, day, month and weekday, such as 0 2 * * *"
    for field in fields:
        if not all(FIELDS.fullmatch(entry) for entry in field.split(",")):
            return f"not a schedule: {field} is no field of one; {how}"
    days = [day for entry in fields[-1].split(",") for day in entry.partition("/")[0].split("-")]
    if any(day.isdigit() and int(day) > SATURDAY for day in days):
        return "not a schedule: weekdays are 0 to 6, 0 is Sunday"
    try:
        schedule = CronSim(cron, BEGINNING)
    except CronSimError as error:
        # What is good in some month, but in none of those that are named.
        if "day-of-month" in str(error).lower() and _parses(" ".join([*fields[:3], "*", fields[4]])):
            return "never comes: none of its months has such a day"
        return f"not a schedule: {str(error).lower()}; {how}"
    return "" if next(schedule, None) else "never comes"


def _parses(cron: str) -> bool:
    try:
        CronSim(cron, BEGINNING)
    except CronSimError:
        return False
    return True


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
