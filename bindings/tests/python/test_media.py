"""Attaching a file, sending it, and opening it on another phone."""

import secrets
import unittest

import alongside
from office import Office
from phone import NOWHERE, PhoneCase, Told, open_case, saving, texts, until


class Attachments(PhoneCase):
    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def request(self, case, path, media_type="image/jpeg", scope="PHOTO"):
        return alongside.AttachRequest(group=case, path=path, media_type=media_type, scope=scope)

    async def letter(self, profile, case, answer):
        """Saves a letter with a photo of it; gives its record."""
        answers = texts(type="E02", date="2015-03-02", evidence_photo=answer)
        return (await profile.records().save(saving(case, "ehc_event", answers))).card.record

    async def test_a_file_goes_to_the_server_and_opens_on_a_new_phone(self):
        photo = secrets.token_bytes(1_500_000)
        profile, _ = await self.enrolled("Ann Green")
        told = Told()
        subscription = profile.observe(told)
        media = profile.media()
        case = await open_case(profile, "840-C-M1")
        answer = await media.attach(self.request(case, self.file("photo.jpg", photo)))
        record = await self.letter(profile, case, answer)
        (waiting,) = (await profile.records().waiting()).attachments
        self.assertEqual((waiting.record, waiting.key, waiting.answer), (record, "evidence_photo", answer))
        self.assertEqual((waiting.bytes, waiting.media_type, waiting.scope), (1_500_000, "image/jpeg", "PHOTO"))
        self.assertTrue(waiting.state.is_waiting() and waiting.state.because.is_records(), waiting.state)
        told.wait(lambda pulse: (pulse.attachments, pulse.attachment_bytes) == (1, 1_500_000))

        # Records go first, and do not wait for it.
        run = await profile.sync().sync_now()
        self.assertTrue(run.state.is_up_to_date(), run)
        (waiting,) = await media.waiting()
        self.assertTrue(waiting.state.because.is_turn(), waiting.state)
        sent = await media.send_now()
        self.assertEqual((sent.sent, sent.waiting, sent.next_try), (1, 0, None))
        told.wait(lambda pulse: pulse.revision > 0 and pulse.attachments == 0)
        subscription.stop()

        other, _ = await self.enrolled("Ann Green", self.start(self.folder / "other"))
        await other.sync().sync_now()
        (line,) = await other.media().of_record(record)
        self.assertTrue(line.state.is_not_here(), line.state)
        opened = self.folder / "opened.jpg"
        await other.media().open_to(line.group, line.hash, str(opened))
        self.assertEqual(opened.read_bytes(), photo)
        self.assertEqual(await other.media().read(line.group, line.hash, 1_499_990, 100), photo[-10:])
        (line,) = await other.media().of_record(record)
        self.assertTrue(line.state.is_here(), line.state)
        self.assertEqual(await other.media().make_room(1), 1_500_000)
        async with self.refused(alongside.AppError.NotFound) as seen:
            await other.media().read(line.group, line.hash, 0, 1)
        self.assertEqual(seen.error.thing, alongside.Thing.ATTACHMENT)

    async def test_it_is_sent_by_itself_where_that_is_asked_for(self):
        profile, _ = await self.enrolled("Ann Green")
        profile.sync().keep_syncing()
        profile.media().keep_sending()
        case = await open_case(profile, "840-C-M2")
        answer = await profile.media().attach(self.request(case, self.file("photo.jpg", b"a photo")))
        record = await self.letter(profile, case, answer)

        async def is_sent():
            (line,) = await profile.media().of_record(record)
            return line.state.is_here()

        await until(is_sent, "a file that is sent by itself")
        profile.media().stop_sending()

    async def test_what_cannot_be_attached_or_had_is_told(self):
        profile, _ = await self.enrolled("Ann Green")
        media = profile.media()
        case = await open_case(profile, "840-C-M3")
        good = self.file("photo.jpg", b"a photo")
        for request, field, code in [
            (self.request(case, str(self.folder / "nowhere")), "path", "not_readable"),
            (self.request(case, self.file("empty", b"")), "path", "empty"),
            (self.request(case, good, media_type="photo"), "media_type", "bad_media_type"),
            (self.request(case, good, scope="a photo"), "scope", "bad_scope"),
        ]:
            async with self.refused(alongside.AppError.Invalid) as seen:
                await media.attach(request)
            (problem,) = seen.error.problems
            self.assertEqual((problem.field, problem.code), (field, code))
        async with self.refused(alongside.AppError.Invalid) as seen:
            await self.letter(profile, case, "photo.jpg")
        self.assertEqual(seen.error.problems[0].code, "not_an_attachment")
        async with self.refused(alongside.AppError.NotFound) as seen:
            await media.open_to(case, "0" * 64, str(self.folder / "opened"))
        self.assertEqual(seen.error.thing, alongside.Thing.ATTACHMENT)
        async with self.refused(alongside.AppError.Invalid):
            await media.open_to(case, "not a hash", str(self.folder / "opened"))

        # Without a network it waits, and says for what.
        answer = await media.attach(self.request(case, good))
        record = await self.letter(profile, case, answer)
        await profile.sync().sync_now()
        await profile.sync().set_server(NOWHERE)
        sent = await media.send_now()
        self.assertEqual((sent.sent, sent.waiting), (0, 1))
        (line,) = await media.of_record(record)
        self.assertTrue(line.state.because.is_network(), line.state)
        self.assertFalse(line.state.stopped)
        await profile.sync().set_server(Office.running().url)
        self.assertEqual((await media.send_now()).sent, 1)


if __name__ == "__main__":
    unittest.main()
