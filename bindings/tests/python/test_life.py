"""Profiles, observers, pausing: what an app's life brings."""

import asyncio
import secrets
import threading
import unittest

import alongside
from alongside import AppError, ProfileKey
from office import Office
from phone import PhoneCase, Told, contact, field, new_id, open_case, until
from stand_in import silent

# Much more than any machine needs: what is tested is what happens, not how fast.
LONG = 60_000


class Profiles(PhoneCase):
    async def test_several_people_share_a_phone(self):
        ann, ann_key = await self.enrolled("Ann Green")
        bob, bob_key = await self.enrolled("Bob Reed")
        card = await contact(ann, await open_case(ann), "Ann's own")
        async with self.refused(AppError.NotFound):
            await bob.records().record(card.record)
        self.assertNotEqual(await ann.sync().person(), await bob.sync().person())
        await bob.shut_down()
        listed = {view.profile: view.is_open for view in await self.app.profiles()}
        self.assertEqual(listed, {ann.id(): True, bob.id(): False})
        async with self.refused(AppError.WrongKey):
            await self.app.open_profile(bob.id(), ann_key)
        await self.app.open_profile(bob.id(), bob_key)

    async def test_background_work_says_what_came_of_each(self):
        ann, ann_key = await self.enrolled("Ann Green")
        bob, bob_key = await self.enrolled("Bob Reed")
        new, new_key = await self.new_profile()
        card = await contact(ann, await open_case(ann), "sent in the background")
        await contact(bob, await open_case(bob), "sent from a closed profile")
        for profile in (bob, new):
            await profile.shut_down()
        unknown = new_id()
        asked = [
            ProfileKey(profile=ann.id(), key=ann_key),
            ProfileKey(profile=bob.id(), key=bob_key),
            ProfileKey(profile=new.id(), key=new_key),
            ProfileKey(profile=unknown, key=new_key),
            ProfileKey(profile=bob.id(), key=secrets.token_bytes(32)),
        ]
        views = await self.app.sync_profiles(asked, LONG)
        self.assertEqual([view.profile for view in views], [key.profile for key in asked])
        first, second, third, fourth, fifth = (view.outcome for view in views)
        for ran in (first, second):
            self.assertTrue(ran.is_ran() and ran.state.is_up_to_date() and ran.waiting == 0, ran)
        self.assertTrue(third.is_not_enrolled(), third)
        self.assertTrue(fourth.is_not_there(), fourth)
        self.assertTrue(fifth.is_wrong_key(), fifth)
        # Ann's stayed open, the others are closed again.
        self.assertFalse((await ann.records().record(card.record)).is_waiting)
        self.assertEqual({view.profile for view in await self.app.profiles() if view.is_open}, {ann.id()})
        await self.app.open_profile(bob.id(), bob_key)

    async def test_background_work_ends_in_time_and_nothing_is_lost(self):
        ann, key = await self.enrolled("Ann Green")
        await contact(ann, await open_case(ann), "waits")
        with silent() as (address, _):
            await ann.sync().set_server(address)
            (view,) = await self.app.sync_profiles([ProfileKey(profile=ann.id(), key=key)], 300)
        self.assertTrue(view.outcome.is_out_of_time(), view.outcome)
        self.assertEqual(view.outcome.waiting, 4)
        await ann.sync().set_server(Office.running().url)
        run = await ann.sync().sync_now()
        self.assertTrue(run.state.is_up_to_date(), run)
        self.assertEqual(run.waiting, 0)


class Observers(PhoneCase):
    async def test_the_current_value_comes_first_and_nothing_after_the_end(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        early = Told()
        subscription = profile.observe(early)
        first = await asyncio.to_thread(early.wait, lambda _: True)
        self.assertEqual(early.pulses, [first])
        self.assertEqual(first.waiting, 3)
        await contact(profile, case, "one more")
        told = await asyncio.to_thread(early.wait, lambda pulse: pulse.revision > first.revision)
        self.assertEqual(told.waiting, 4)
        late = Told()
        self.addCleanup(profile.observe(late).stop)
        self.assertEqual((await asyncio.to_thread(late.wait, lambda _: True)).revision, told.revision)

        subscription.stop()
        count = len(early.pulses)
        await contact(profile, case, "after the end")
        await asyncio.to_thread(late.wait, lambda pulse: pulse.waiting == 5)
        self.assertEqual(len(early.pulses), count)

        await profile.shut_down()
        count = len(late.pulses)
        async with self.refused(AppError.Closed):
            profile.observe(Told())
        self.assertEqual(len(late.pulses), count)
        revisions = [pulse.revision for pulse in late.pulses]
        self.assertEqual(revisions, sorted(revisions))

    async def test_closing_waits_for_the_call_that_is_under_way(self):
        profile, _ = await self.new_profile()
        inside, leave, left = threading.Event(), threading.Event(), threading.Event()

        class Slow(alongside.PulseObserver):
            def changed(self, pulse):
                inside.set()
                leave.wait()
                left.set()

        # The end of the subscription would come with that of its last reference.
        subscription = profile.observe(Slow())
        await asyncio.to_thread(inside.wait)
        closing = asyncio.create_task(profile.shut_down())
        await asyncio.sleep(0.1)
        self.assertFalse(closing.done())
        leave.set()
        await closing
        self.assertTrue(left.is_set())
        subscription.stop()

    async def test_an_observer_may_end_itself_and_may_fail(self):
        profile, _ = await self.enrolled("Ann Green")

        class Once(Told):
            def changed(self, pulse):
                ready.wait()
                subscription.stop()
                super().changed(pulse)

        class Failing(Told):
            def changed(self, pulse):
                super().changed(pulse)
                raise RuntimeError("a bug in a screen")

        ready = threading.Event()
        once, failing = Once(), Failing()
        subscription = profile.observe(once)
        ready.set()
        kept = profile.observe(failing)
        first = await asyncio.to_thread(once.wait, lambda _: True)
        await open_case(profile)
        await asyncio.to_thread(failing.wait, lambda pulse: pulse.revision > first.revision)
        self.assertEqual(once.pulses, [first])
        kept.stop()

    async def test_what_is_saved_is_sent_by_itself(self):
        profile, _ = await self.enrolled("Ann Green")
        told = Told()
        self.addCleanup(profile.observe(told).stop)
        profile.sync().keep_syncing()
        await contact(profile, await open_case(profile), "sent by itself")
        # Some of it may be on its way before the last is saved.
        await asyncio.to_thread(told.wait, lambda pulse: pulse.waiting > 0)

        async def nothing_waits():
            return (await profile.records().waiting()).count == 0

        await until(nothing_waits, "everything sent")
        self.assertTrue(told.pulses[-1].sync is not None)


class Pausing(PhoneCase):
    async def test_pausing_writes_everything_and_the_next_call_wakes_it(self):
        profile, _ = await self.enrolled("Ann Green")
        case = await open_case(profile)
        tasks = [asyncio.create_task(contact(profile, case, f"note {n}")) for n in range(5)]
        await asyncio.sleep(0)
        pause = await self.app.pause(LONG)
        self.assertTrue(pause.is_finished, pause)
        cards = await asyncio.gather(*tasks)
        pause = await self.app.pause(LONG)
        self.assertEqual((pause.is_finished, pause.unfinished), (True, []))
        wal = self.database(profile.id()).with_name("alongside.db-wal")
        self.assertEqual(wal.stat().st_size if wal.exists() else 0, 0)
        self.assertEqual(field(await profile.records().record(cards[0].record), "note").text, "note 0")
        await contact(profile, case, "written while paused")

    async def test_a_pause_cuts_syncing_short_and_loses_nothing(self):
        profile, _ = await self.enrolled("Ann Green")
        await contact(profile, await open_case(profile), "waits")
        with silent() as (address, called):
            await profile.sync().set_server(address)
            running = asyncio.create_task(profile.sync().sync_now())
            await asyncio.to_thread(called.wait)
            pause = await self.app.pause(LONG)
            self.assertTrue(pause.is_finished)
            run = await running
            self.assertTrue(run.state.is_paused(), run)
            self.assertEqual(run.waiting, 4)
        self.app.resume()
        await profile.sync().set_server(Office.running().url)
        run = await profile.sync().sync_now()
        self.assertTrue(run.state.is_up_to_date(), run)
        self.assertEqual(run.accepted, 4)

    async def test_syncing_by_itself_is_held_and_goes_on(self):
        profile, _ = await self.enrolled("Ann Green")
        profile.sync().keep_syncing()
        await self.app.pause(LONG)
        await contact(profile, await open_case(profile), "waits for the app to wake")
        self.assertEqual((await profile.records().waiting()).count, 4)
        self.app.resume()

        async def nothing_waits():
            return (await profile.records().waiting()).count == 0

        await until(nothing_waits, "everything sent after the pause")


if __name__ == "__main__":
    unittest.main()
