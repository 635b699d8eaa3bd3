"""Saving and reading, with and without a network."""

import asyncio
import time
import unittest

import alongside
from alongside import AnswerValue, AnswerView, AppError
from office import CASE, Office
from phone import NOWHERE, PhoneCase, contact, field, new_id, open_case, saving, texts, until


class Offline(PhoneCase):
    async def test_what_is_saved_offline_is_there_after_a_restart_and_is_sent_later(self):
        profile, key = await self.enrolled("Ann Green")
        await profile.sync().set_server(NOWHERE)
        case = await open_case(profile)
        card = await contact(profile, case, "Ünïcode: كيف حالك 🙂")
        run = await profile.sync().sync_now()
        self.assertTrue(run.state.is_waiting(), run.state)
        self.assertTrue(run.state.because.is_network(), run.state)
        self.assertEqual(run.waiting, 4)

        profile_id = profile.id()
        await profile.shut_down()
        profile = await self.app.open_profile(profile_id, key)
        again = await profile.records().record(card.record)
        self.assertEqual(field(again, "note").text, "Ünïcode: كيف حالك 🙂")
        self.assertTrue(again.is_waiting)
        self.assertEqual((await profile.records().waiting()).count, 4)

        await profile.sync().set_server(Office.running().url)
        run = await profile.sync().sync_now()
        self.assertTrue(run.state.is_up_to_date(), run)
        self.assertEqual((run.accepted, run.refused, run.waiting), (4, 0, 0))
        waiting = await profile.records().waiting()
        self.assertEqual((waiting.count, waiting.kept_apart, waiting.refused_openings), (0, [], []))

    async def test_one_call_draws_a_screen(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile, "840-C-77")
        card = await contact(profile, case, "met the deputy head")
        records = profile.records()
        home = await records.home()
        self.assertEqual([line.group for line in home.mine], [case])
        (line,) = home.mine
        self.assertEqual((line.reference, line.name, line.waiting), ("840-C-77", "Sam Okafor", 2))
        self.assertEqual(home.chip.waiting, 4)
        mine = alongside.UnitsRequest(list=alongside.UnitList.MINE, as_of=None, limit=1, after=None)
        piece = await records.units(mine)
        self.assertEqual(([line.group for line in piece.lines], piece.after), ([case], None))
        request = alongside.PageRequest(group=case, as_of="2015-04-01", limit=1, after=None)
        page = await records.unit_page(request)
        self.assertEqual([entry.kind for entry in page.linked], ["child", "family"])
        seen = [page.records[0].record]
        while page.after is not None:
            request.after = page.after
            page = await records.unit_page(request)
            seen += [entry.record for entry in page.records]
        self.assertEqual(len(seen), 2)
        self.assertIn(card.record, seen)
        self.assertIn("legal advice", page.disclaimer)
        self.assertEqual((page.relatives_label, page.relatives), ("Brothers and sisters known here", []))
        hits = await records.search("deputy", 10)
        self.assertEqual([(hit.record, hit.unit) for hit in hits], [(card.record, case)])

    async def test_answers_come_back_as_they_went_in(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        row = new_id()
        questions = self.app.forms().form("contact").questions
        purposes = next(question for question in questions if question.name == "purpose").choices
        answers = [
            AnswerView(key="occurred_at", answer=AnswerValue.INSTANT(at=1_426_516_200_000)),
            AnswerView(key="duration_min", answer=AnswerValue.NUMBER(number=15)),
            AnswerView(key="mode", answer=AnswerValue.TEXT(text="PHONE")),
            AnswerView(key="purpose", answer=AnswerValue.CODES(codes=[purposes[1].code, purposes[0].code])),
            AnswerView(key="flags", answer=AnswerValue.CODES(codes=["COMPLAINT", "COMPLIMENT"])),
            AnswerView(key=f"actions/{row}/action", answer=AnswerValue.TEXT(text="Ring the school")),
        ]
        saved = await profile.records().save(saving(case, "contact", answers))
        by_key = {given.key: given.answer for given in saved.card.answers}
        self.assertEqual(by_key, {given.key: given.answer for given in answers})
        self.assertIn("missing_answer", [warning.code for warning in saved.warnings])

        taken = [
            AnswerView(key="flags", answer=AnswerValue.CODES(codes=["COMPLAINT"])),
            AnswerView(key="note", answer=AnswerValue.CLEARED()),
        ]
        card = (await profile.records().save(saving(case, "contact", taken, saved.card.record))).card
        self.assertEqual(field(card, "flags").text, "Complaint")
        self.assertEqual(field(card, "flags").author, "Ann Green")

    async def test_a_repeated_save_is_one_save(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        token = new_id()
        first = await contact(profile, case, "once", token=token)
        again = await contact(profile, case, "twice", token=token)
        self.assertEqual((again.record, field(again, "note").text), (first.record, "once"))
        # Another filling-in is another contact.
        self.assertNotEqual((await contact(profile, case, "once", token=new_id())).record, first.record)

    async def test_a_record_in_the_wrong_family_is_moved(self):
        profile, _ = await self.enrolled("Ann Green")
        wrong, right = await open_case(profile, "840-C-78"), await open_case(profile, "840-C-79")
        card = await contact(profile, wrong, "about the other family")
        records = profile.records()
        request = alongside.MoveRecordRequest(record=card.record, group=right, reason="mixed up", token=new_id())
        moved = await records.move_record(request)
        again = await records.move_record(request)
        self.assertEqual((moved.group, again.record, moved.moved_from), (right, moved.record, card.record))
        self.assertEqual(field(moved, "note").text, "about the other family")
        closed = await records.record(card.record)
        self.assertEqual((closed.moved_to, closed.is_moved_in_doubt), (moved.record, False))
        async with self.refused(AppError.Invalid) as seen:
            await records.move_record(
                alongside.MoveRecordRequest(record=card.record, group=right, reason=None, token=None)
            )
        self.assertEqual(seen.error.problems[0].code, "moved_already")

    async def test_drafts_outlive_the_app_and_end_with_the_save(self):
        profile, key = await self.enrolled("Ann Green")
        case = await open_case(profile)
        token = new_id()
        answers = texts(duration_min="not yet a number", note="half a sen")
        draft = alongside.DraftRequest(token=token, record=None, group=case, form="contact", answers=answers)
        await profile.records().keep_draft(draft)
        await profile.records().keep_draft(
            alongside.DraftRequest(token=new_id(), record=None, group=case, form="contact", answers=[])
        )
        profile_id = profile.id()
        await profile.shut_down()
        profile = await self.app.open_profile(profile_id, key)
        drafts = {draft.token: draft for draft in await profile.records().drafts()}
        self.assertEqual(len(drafts), 2)
        self.assertEqual(drafts[token].answers, answers)
        await contact(profile, case, "a sentence", token=token)
        (other,) = await profile.records().drafts()
        await profile.records().discard_draft(other.token)
        self.assertEqual(await profile.records().drafts(), [])

    async def test_a_call_that_nobody_waits_for_any_longer_is_done_all_the_same(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        before = (await profile.records().waiting()).count
        tasks = [asyncio.create_task(contact(profile, case, f"note {n}")) for n in range(20)]
        # Each has begun; none has been waited for.
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self.assertTrue(any(isinstance(result, asyncio.CancelledError) for result in results))

        async def all_there():
            return (await profile.records().waiting()).count == before + len(tasks)

        await until(all_there, "every save whose caller was cancelled")
        self.assertEqual(len(await profile.records().search("note", 100)), len(tasks))


class Together(PhoneCase):
    """Two people who share one phone, and one case."""

    async def both(self):
        ann, _ = await self.enrolled("Ann Green")
        bob, _ = await self.enrolled("Bob Reed")
        for profile in (ann, bob):
            self.assertTrue((await profile.sync().sync_now()).state.is_up_to_date())
        (hit,) = [hit for hit in await ann.records().search(CASE, 10) if hit.form == "case"]
        return ann, bob, hit.unit

    async def sync(self, *profiles):
        for profile in profiles:
            run = await profile.sync().sync_now()
            self.assertTrue(run.state.is_up_to_date(), run)

    async def test_both_values_stay_visible_with_who_and_when_until_somebody_decides(self):
        ann, bob, case = await self.both()
        card = await contact(ann, case, "first")
        await self.sync(ann, bob)

        # Clocks tell whole milliseconds.
        begun = int(time.time() * 1000)

        async def note(profile, text):
            await profile.records().save(saving(case, "contact", texts(note=text), card.record))

        await note(ann, "She said yes")
        await note(bob, "She said no")
        await self.sync(ann, bob, ann)
        sides = {("She said yes", "Ann Green"), ("She said no", "Bob Reed")}
        for profile in (ann, bob):
            line = field(await profile.records().record(card.record), "note")
            self.assertEqual(line.disagreement, alongside.Disagreement.SHOWN)
            self.assertEqual(
                {(line.text, line.author)} | {(other.text, other.author) for other in line.others}, sides
            )
            for at in [line.at, *(other.at for other in line.others)]:
                self.assertTrue(begun <= at <= time.time() * 1000, at)
        (other,) = line.others
        decided = await bob.records().decide(
            alongside.DecisionRequest(
                record=card.record, key="note", reason="Ann was there",
                decision=alongside.Decision.TAKE_OTHER(change=other.change),
            )
        )
        self.assertEqual((field(decided, "note").text, field(decided, "note").others), (other.text, []))
        await self.sync(bob, ann)
        line = field(await ann.records().record(card.record), "note")
        self.assertEqual((line.text, line.others), (other.text, []))
        history = await ann.records().history(card.record)
        last = history.lines[-1]
        self.assertEqual((last.author, last.reason), ("Bob Reed", "Ann was there"))
        (change,) = last.fields
        self.assertEqual((set(change.before), change.after), ({"She said yes", "She said no"}, other.text))
        async with self.refused(AppError.Invalid) as seen:
            await bob.records().decide(
                alongside.DecisionRequest(
                    record=card.record, key="note", reason="again",
                    decision=alongside.Decision.TAKE_OTHER(change=other.change),
                )
            )
        self.assertEqual(seen.error.problems[0].code, "no_longer_stands")

    async def test_what_needs_a_decision_is_listed(self):
        ann, bob, case = await self.both()
        page = await ann.records().unit_page(
            alongside.PageRequest(group=case, as_of=None, limit=10, after=None)
        )
        child = next(linked for linked in page.linked if linked.kind == "child")
        for profile, birth in ((ann, "2006-09-04"), (bob, "2006-09-05")):
            await profile.records().save(saving(child.group, "child", texts(date_of_birth=birth)))
        await self.sync(ann, bob, ann)
        (conflict,) = await ann.records().conflicts(10)
        self.assertEqual(conflict.fields, ["date_of_birth"])
        self.assertEqual(
            field(conflict.card, "date_of_birth").disagreement, alongside.Disagreement.NEEDS_DECISION
        )
        await ann.records().decide(
            alongside.DecisionRequest(
                record=conflict.card.record, key="date_of_birth", reason="birth certificate",
                decision=alongside.Decision.ANSWER(answer=AnswerValue.TEXT(text="2006-09-03")),
            )
        )
        await self.sync(ann, bob)
        for profile in (ann, bob):
            self.assertEqual(await profile.records().conflicts(10), [])


class Forms(PhoneCase):
    async def test_a_renderer_finds_everything_that_it_draws(self):
        forms = self.app.forms()
        programme = forms.programme()
        self.assertEqual((programme.id, programme.unit), ("independent-support", "case"))
        case = next(kind for kind in programme.group_kinds if kind.kind == "case")
        self.assertEqual((case.parents, case.is_opened_on_phone), (["child", "family"], True))
        for line in programme.forms:
            form = forms.form(line.form)
            self.assertTrue(form.questions, line.form)
            for question in form.questions:
                if question.kind in KINDS_WITH_CHOICES:
                    self.assertTrue(question.choices, f"{line.form}.{question.name}")
                if not question.kind.is_hidden() and not question.kind.is_calculated():
                    self.assertTrue(question.label, f"{line.form}.{question.name}")
        contact_form = forms.form("contact")
        questions = {question.name: question for question in contact_form.questions}
        self.assertTrue(questions["occurred_at"].kind.is_date_time())
        self.assertEqual(questions["note"].appearance, "multiline")
        self.assertEqual(questions["attended"].default, "HELD")
        self.assertIn("decimal-date-time", questions["occurred_at"].constraint)
        self.assertEqual(
            {(given.name, given.value) for given in questions["duration_min"].parameters},
            {("quick_picks", "5 10 15 30 45 60 90 120")},
        )
        actions = contact_form.sections[questions["action"].section]
        self.assertEqual((actions.name, actions.is_repeat), ("actions", True))
        event = {question.name: question for question in forms.form("ehc_event").questions}
        self.assertEqual(event["episode"].refers_to, "ehc_episode")


KINDS_WITH_CHOICES = (alongside.AnswerKind.CHOOSE_ONE(), alongside.AnswerKind.CHOOSE_SEVERAL())


if __name__ == "__main__":
    unittest.main()
