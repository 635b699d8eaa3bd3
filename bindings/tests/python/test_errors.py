"""Every error that an app can do something about, each brought about for real."""

import secrets
import unittest

import alongside
from alongside import AnswerValue, AnswerView, AppError, ErrorCode, Thing
from office import Office
from phone import NOWHERE, PhoneCase, contact, field, new_id, open_case, saving, texts
from stand_in import MEDIA_TYPE, answering, error_answer


def codes(seen):
    return {problem.field: problem.code for problem in seen.error.problems}


class BadInput(PhoneCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.profile, self.key = await self.enrolled("Ann Green")
        self.case = await open_case(self.profile)
        self.waiting = (await self.profile.records().waiting()).count

    async def asyncTearDown(self):
        self.assertEqual((await self.profile.records().waiting()).count, self.waiting, "nothing was saved")

    async def test_a_text_that_is_no_id(self):
        records = self.profile.records()
        bad = "not an id"
        calls = [
            lambda: records.record(bad),
            lambda: records.discard_draft(bad),
            lambda: records.save(saving(bad, "contact", [])),
            lambda: records.save(saving(self.case, "contact", [], record=bad)),
            lambda: records.save(saving(self.case, "contact", [], token=bad)),
            lambda: records.unit_page(alongside.PageRequest(group=bad, as_of=None, limit=1, after=None)),
            lambda: self.app.open_profile(bad, self.key),
            lambda: self.app.open_profile("../../etc", self.key),
            lambda: self.app.sync_profiles([alongside.ProfileKey(profile=bad, key=self.key)], 1000),
            lambda: records.decide(
                alongside.DecisionRequest(
                    record=new_id(), key="note", reason="",
                    decision=alongside.Decision.TAKE_OTHER(change="zz"),
                )
            ),
        ]
        for call in calls:
            async with self.refused(AppError.Invalid) as seen:
                await call()
            self.assertEqual(codes(seen), {"": "malformed_id"})
        async with self.refused(AppError.Invalid) as seen:
            await records.home("16 March")
        self.assertEqual(codes(seen), {"": "malformed_date"})

    async def test_answers_that_cannot_be_taken_are_all_named(self):
        answers = [
            AnswerView(key="duration_min", answer=AnswerValue.TEXT(text="an hour")),
            AnswerView(key="mode", answer=AnswerValue.TEXT(text="PIGEON")),
            AnswerView(key="favourite_colour", answer=AnswerValue.TEXT(text="red")),
            AnswerView(key="note", answer=AnswerValue.TEXT(text="fine")),
        ]
        async with self.refused(AppError.Invalid) as seen:
            await self.profile.records().save(saving(self.case, "contact", answers))
        self.assertEqual(
            codes(seen),
            {"duration_min": "not_an_integer", "mode": "unknown_code", "favourite_colour": "unknown_question"},
        )
        async with self.refused(AppError.Invalid) as seen:
            await self.profile.records().save(saving(self.case, "contact", texts(note="a") + texts(note="b")))
        self.assertEqual(codes(seen), {"note": "given_twice"})

    async def test_what_is_not_here_is_named(self):
        records = self.profile.records()
        wanted = [
            (Thing.RECORD, lambda: records.record(new_id())),
            (Thing.RECORD, lambda: records.history(new_id())),
            (Thing.RECORD, lambda: records.save(saving(self.case, "contact", [], record=new_id()))),
            (Thing.GROUP, lambda: records.save(saving(new_id(), "contact", texts(note="a")))),
            (Thing.FORM, lambda: records.save(saving(self.case, "poem", []))),
            (Thing.PROFILE, lambda: self.app.open_profile(new_id(), self.key)),
            (
                Thing.GROUP_KIND,
                lambda: records.open_group(
                    alongside.NewGroupRequest(kind="castle", parents=[], records=[], token=None)
                ),
            ),
        ]
        for thing, call in wanted:
            async with self.refused(AppError.NotFound) as seen:
                await call()
            self.assertEqual(seen.error.thing, thing)
        async with self.refused(AppError.NotFound) as seen:
            self.app.forms().form("poem")
        self.assertEqual(seen.error.thing, Thing.FORM)

    async def test_a_group_opens_whole_or_not_at_all(self):
        first = alongside.FirstAnswers(form="family", answers=texts(area="Atlantis"))
        request = alongside.NewGroupRequest(kind="family", parents=[], records=[first], token=None)
        async with self.refused(AppError.Invalid) as seen:
            await self.profile.records().open_group(request)
        self.assertEqual(codes(seen), {"area": "unknown_code"})


class Server(PhoneCase):
    async def enrol(self, server, code="ABCD-EFGH"):
        profile, _ = await self.new_profile()
        request = alongside.EnrolRequest(server=server, code=code, device_name="Phone")
        await profile.sync().enrol(request)

    async def test_an_address_that_cannot_be_used(self):
        for address in ("http://alongside.example", "alongside.example", ""):
            async with self.refused(AppError.Invalid) as seen:
                await self.enrol(address)
            self.assertEqual(codes(seen), {"server": "bad_address"})

    async def test_nobody_answers(self):
        async with self.refused(AppError.Offline):
            await self.enrol(NOWHERE)

    async def test_the_server_is_busy_and_says_for_how_long(self):
        with answering(503, {"Retry-After": "7"}) as address:
            async with self.refused(AppError.Busy) as seen:
                await self.enrol(address)
        self.assertEqual(seen.error.retry_after_seconds, 7)

    async def test_a_code_is_good_once(self):
        office = Office.running()
        async with self.refused(AppError.ServerRefused) as seen:
            await self.enrol(office.url)
        self.assertEqual(seen.error.code, ErrorCode.BAD_CODE)
        code = office.code("Ann Green")
        await self.enrol(office.url, code)
        async with self.refused(AppError.ServerRefused) as seen:
            await self.enrol(office.url, code)
        self.assertEqual(seen.error.code, ErrorCode.BAD_CODE)

    async def test_a_server_that_wants_a_newer_app(self):
        with answering(400, {"Content-Type": MEDIA_TYPE}, error_answer("unsupported_protocol")) as address:
            async with self.refused(AppError.UpdateNeeded):
                await self.enrol(address)

    async def test_a_profile_without_enrolment(self):
        profile, _ = await self.new_profile()
        async with self.refused(AppError.NotEnrolled):
            await profile.sync().person()
        async with self.refused(AppError.NotEnrolled):
            await profile.sync().sync_now()
        async with self.refused(AppError.NotEnrolled):
            await profile.records().save(saving(new_id(), "contact", []))

    async def test_a_revoked_phone_stops_and_keeps_what_it_has(self):
        office = Office.running()
        profile, _ = await self.enrolled("Rea Voke")
        case = await open_case(profile)
        card = await contact(profile, case, "kept")
        office.revoke_phones_of("Rea Voke")
        run = await profile.sync().sync_now()
        self.assertTrue(run.state.is_stopped(), run)
        self.assertEqual(run.state.code, ErrorCode.REVOKED)
        self.assertEqual(field(await profile.records().record(card.record), "note").text, "kept")
        # What it still had went to a coordinator, and the person can see that. Nothing was refused: a copy of
        # what was has no lines.
        waiting = await profile.records().waiting()
        self.assertEqual((waiting.count, waiting.erased, waiting.only_here), (0, [], 0))
        self.assertIn("Contact", [line.title for line in waiting.in_review])
        for line in waiting.in_review:
            self.assertTrue(line.outcome.is_waits(), line)
            self.assertEqual(line.reason, alongside.Refusal.REVOKED_DEVICE)
        copy = self.folder / "kept.jsonl"
        count = await profile.records().export_kept_apart(str(copy))
        self.assertEqual(len(copy.read_text(encoding="utf-8").splitlines()), count)
        self.assertEqual((count, waiting.kept_apart), (0, []))
        async with self.refused(AppError.Unexpected):
            await profile.records().export_kept_apart(str(copy))
        await profile.records().seen_decided()
        self.assertEqual((await profile.records().waiting()).in_review, waiting.in_review, "nothing is decided")
        async with self.refused(AppError.NotFound):
            await profile.records().drop_kept_apart("00" * 32)


class Storage(PhoneCase):
    async def test_a_wrong_key(self):
        profile, key = await self.new_profile()
        profile_id = profile.id()
        other = secrets.token_bytes(32)
        # Open or closed, it is the wrong key.
        async with self.refused(AppError.WrongKey):
            await self.app.open_profile(profile_id, other)
        await profile.shut_down()
        async with self.refused(AppError.WrongKey):
            await self.app.open_profile(profile_id, other)
        for short in (b"", key[:31], key + b"x"):
            async with self.refused(AppError.Invalid) as seen:
                await self.app.open_profile(profile_id, short)
            self.assertEqual(codes(seen), {"key": "not_32_bytes"})
        await self.app.open_profile(profile_id, key)

    async def test_a_profile_that_is_open_already(self):
        profile, key = await self.new_profile()
        async with self.refused(AppError.InUse):
            await self.app.open_profile(profile.id(), key)
        second_app = self.start()
        async with self.refused(AppError.InUse):
            await second_app.open_profile(profile.id(), key)
        await profile.shut_down()
        await second_app.open_profile(profile.id(), key)

    async def test_a_damaged_file_is_left_alone(self):
        profile, key = await self.new_profile()
        profile_id = profile.id()
        await profile.shut_down()
        file = self.database(profile_id)
        file.write_bytes(file.read_bytes()[:1000])
        async with self.refused(AppError.Damaged):
            await self.app.open_profile(profile_id, key)
        self.assertEqual(file.stat().st_size, 1000)

    async def test_a_folder_that_cannot_be_made(self):
        file = self.folder / "a file"
        file.write_text("")
        async with self.refused(AppError.Unexpected) as seen:
            self.start(file)
        self.assertEqual(seen.error.code, "folder")
        self.assertTrue(seen.error.reason)

    async def test_after_closing_everything_says_so(self):
        profile, key = await self.enrolled("Ann Green")
        records, sync, forms = profile.records(), profile.sync(), profile.forms()
        await profile.shut_down()
        await profile.shut_down()
        for call in (
            lambda: records.home(),
            lambda: records.record(new_id()),
            lambda: records.save(saving(new_id(), "contact", [])),
            lambda: records.drafts(),
            lambda: sync.sync_now(),
            lambda: sync.person(),
            lambda: sync.set_server(NOWHERE),
        ):
            async with self.refused(AppError.Closed):
                await call()
        for call in (sync.keep_syncing, sync.stop_syncing, profile.forms):
            async with self.refused(AppError.Closed):
                call()
        # What is in memory stays usable.
        self.assertTrue(forms.form("contact").questions)
        await self.app.open_profile(profile.id(), key)


class Full(PhoneCase):
    most_bytes = 600_000

    async def test_a_full_disk_loses_nothing_that_was_saved(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        saved = []
        async with self.refused(AppError.StorageFull):
            for number in range(1000):
                note = f"{number} " + secrets.token_hex(8000)
                saved.append(((await contact(profile, case, note)).record, note))
        self.assertGreater(len(saved), 0)
        for record, note in saved:
            self.assertEqual(field(await profile.records().record(record), "note").text, note)


class Everything(unittest.TestCase):
    def test_there_is_a_test_here_for_each_error(self):
        kinds = (value for value in vars(AppError).values() if isinstance(value, type))
        variants = {kind.__name__ for kind in kinds if issubclass(kind, AppError)}
        with open(__file__, encoding="utf-8") as source:
            text = source.read()
        tested = {name for name in variants if f"refused(AppError.{name})" in text}
        self.assertEqual(tested, variants)
        self.assertGreater(len(variants), 10)


if __name__ == "__main__":
    unittest.main()
