"""A phone: the app's folder, and what every test does with it."""

import asyncio
import contextlib
import logging
import secrets
import tempfile
import threading
import unittest
import uuid
from pathlib import Path

import alongside
from alongside import AnswerValue, AnswerView
from office import Office

# The tests' event loop remarks on every step that a slow machine makes slow.
logging.getLogger("asyncio").setLevel(logging.ERROR)

# Nobody listens there.
NOWHERE = "http://127.0.0.1:9"


def texts(**answers):
    """Answers by key."""
    return [AnswerView(key=key, answer=AnswerValue.TEXT(text=text)) for key, text in answers.items()]


def saving(group, form, answers, record=None, token=None, reason=None):
    return alongside.SaveAnswersRequest(
        record=record, group=group, form=form, answers=answers, reason=reason, token=token
    )


async def open_case(profile, reference="840-C-1"):
    """Opens a family with a child and a case; gives the case's group."""
    records = profile.records()
    supporter = await profile.sync().person()

    async def opened(kind, parents, **answers):
        first = alongside.FirstAnswers(form=kind, answers=texts(**answers))
        request = alongside.NewGroupRequest(kind=kind, parents=parents, records=[first], token=None)
        return (await records.open_group(request)).group

    family = await opened("family", [], family_ref="840-F-1", area="840")
    child = await opened("child", [family], known_as="Sam", family_name="Okafor")
    return await opened(
        "case", [child, family], case_ref=reference, status="OPEN", allocated_supporter=supporter
    )


async def contact(profile, case, note, **more):
    """Saves a new contact; gives its card."""
    answers = texts(occurred_at="2015-03-16T14:30", mode="PHONE", duration_min="15", note=note)
    return (await profile.records().save(saving(case, "contact", answers, **more))).card


def field(card, key):
    return next(field for field in card.fields if field.key == key)


async def until(found, what):
    """Asks until it is so."""
    for _ in range(600):
        if await found():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"this never came: {what}")


class Told(alongside.PulseObserver):
    """An observer that remembers."""

    def __init__(self):
        self.pulses = []
        self.heard = threading.Condition()

    def changed(self, pulse):
        with self.heard:
            self.pulses.append(pulse)
            self.heard.notify_all()

    def wait(self, is_it):
        """Waits until a pulse fits; gives it."""
        with self.heard:
            fits = self.heard.wait_for(lambda: any(map(is_it, self.pulses)), timeout=60)
            assert fits, f"never told: {self.pulses}"
            return next(filter(is_it, self.pulses))


class PhoneCase(unittest.IsolatedAsyncioTestCase):
    """A test with a phone of its own."""

    most_bytes = None

    async def asyncSetUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.app = self.start()

    def start(self, folder=None):
        """Starts the app."""
        folder = str(folder or self.folder / "core")
        app = alongside.AlongsideApp(alongside.AppSettings(folder=folder, most_bytes=self.most_bytes))
        self.addAsyncCleanup(app.shut_down)
        return app

    async def new_profile(self, app=None):
        """A profile that is not enrolled; gives it with its key."""
        key = secrets.token_bytes(32)
        return await (app or self.app).create_profile(key), key

    async def enrolled(self, name, app=None):
        """A profile that is enrolled for this person; gives it with its key."""
        office = Office.running()
        if name not in office.people:
            office.add(name, "SUPPORTER")
        profile, key = await self.new_profile(app)
        request = alongside.EnrolRequest(server=office.url, code=office.code(name), device_name="Phone")
        await profile.sync().enrol(request)
        return profile, key

    def database(self, profile_id):
        return self.folder / "core" / "profiles" / profile_id / "alongside.db"

    @contextlib.asynccontextmanager
    async def refused(self, variant):
        """What is inside must fail with this variant; its fields are on `.error` afterwards."""
        seen = lambda: None
        try:
            yield seen
        except alongside.AppError as error:
            self.assertIsInstance(error, variant, repr(error))
            seen.error = error
        else:
            self.fail(f"{variant.__name__} was to be raised")


def new_id():
    return str(uuid.uuid4())
