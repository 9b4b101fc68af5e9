"""The heart: verify → rebuild → call → render → diff → seal → commit → answer.

The session's record decides what an event runs on and whether it has run already; the token only proves
that the browser may ask. Nothing that a method does to state, session or stores is kept unless all of it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from typing import Any

from asok import protocol
from asok.acting import Acting
from asok.asking import Asking
from asok.attempt import Attempt
from asok.beginning import ATTEMPTS, begin
from asok.calling import ends_all, no_step
from asok.committing import REFUSED, commit, keep, record_after, unchanged
from asok.component import surroundings_of
from asok.documents import working
from asok.errors import Busy, MethodFailed, Refusal, ResetNeeded
from asok.filling import NONE, filled, look_again, missed, take_changes
from asok.form_words import FormError
from asok.markup import children_in
from asok.mounting import Engine
from asok.observing import Observer
from asok.opening import Opener, SessionEnded, guarded, load
from asok.places import Mounted, hook
from asok.showing import Screen
from asok.texts import Rendering
from asok.trials import Found, Parked, Trial
from asok.units import Effects, Joined, Unit

__all__ = ["Live"]

MOST_REFUSED = 31
Action = Callable[[Unit], Awaitable[None]]
Unsent = Sequence[tuple[int, list[Any]]]


class Live:
    """The instances of one tab, for one visitor, shown on its screen.

    scope: the ASGI scope of the handshake, from which a component's `request` is made. session_id: empty
    for a visitor without a session, who can use stateless components only. root: the path below which the app lies.
    """

    def __init__(self, engine: Engine, scope: Mapping[str, Any], session_id: str, screen: Screen) -> None:
        self.engine, self.screen, self.acting = engine, screen, Acting(engine)
        self._opener = Opener(engine, scope, session_id)
        self.owner, self.root = self._opener.owner, scope.get("asok.root", "")
        # By instance, the codes of its events since the last that counted.
        self._refused: dict[str, dict[int, str]] = {}

    async def open(self, joined: Joined) -> Unit:
        """The instance as the session has it now, guarded and loaded."""
        return await self._opener.open(joined, tab=self.screen.tab)

    async def answer(self, joined: Joined, event: protocol.Event) -> None:
        """Run an event and send what came of it.

        Raises Refusal where it settles without effect (and shows the last good rendering again), Busy
        where it was not taken, ResetNeeded and SessionEnded where the instance or the page cannot go on.
        """
        try:
            await self._answer(joined, event)
        except (Busy, ResetNeeded, SessionEnded):
            raise
        except Exception as error:
            code = _code_of(error)
            earlier = list(self._refused.get(event.instance, {}).items())[-MOST_REFUSED:]
            self._refused[event.instance] = {**dict(earlier), event.seq: code}
            raise

    async def _answer(self, joined: Joined, event: protocol.Event) -> None:
        call = self.acting.verify(joined.definition, event)
        trial = self._trial(joined, event)
        try:
            await self._run(joined, event, lambda unit: self.acting.perform(unit, event, call), trial)
        except FormError as error:  # nothing of the method is kept; what it said stands beside the fields
            wrong = error
            await self._run(joined, event, lambda unit: self.acting.perform(unit, event, call, wrong), trial)
        finally:
            if trial is not None:
                await trial.end()

    def _trial(self, joined: Joined, event: protocol.Event) -> Trial | None:
        """What watches an event that may have begun before; a stateless instance has nowhere to note that."""
        if event.data is None or not event.data.retry or joined.definition.cls.stateless or not self.owner:
            return None
        return self.engine.trials.of(self.owner, event.instance, self.screen.tab, event.seq)

    async def _begin_again(self, unit: Unit, event: protocol.Event, trial: Trial) -> None:
        """Note that the event runs. Raises Parked where it has ended its process twice: then it is settled."""
        tab = self.screen.tab
        settled = event.seq <= unit.applied(tab)
        found = await trial.begin(settled=settled)
        if settled or found is Found.NOTHING:
            return  # of what is settled the record says whether it was done: its process may live after all
        # Settled in the record: should it be running after all, it counts no more.
        if not await self._settle_refusal(unit, event.seq, Parked.code):
            raise Busy("the instance has changed meanwhile")
        raise Parked(
            unit.joined.definition.name, event.call.partition("(")[0], surroundings_of(unit.component).event.id
        )

    async def begin(self, joined: Joined, seq: int) -> Unit | None:
        """Mount and show what the page has only a placeholder of; None where that has failed."""
        return await begin(self._opener, self.screen, joined, seq)

    async def act(self, joined: Joined, action: Action) -> None:
        """Do what no event asked for, on the newest state, and show it. Raises as `answer`."""
        await self._run(joined, None, action)

    async def _run(
        self, joined: Joined, event: protocol.Event | None, action: Action, trial: Trial | None = None
    ) -> None:
        asking = self.screen.ask(joined, event.seq if event else 0)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                asking.restart()
                unit = await self._opener.open(joined, event, tab=self.screen.tab, attempt=attempt)
                if event is not None and trial is not None:
                    await self._begin_again(unit, event, trial)
                if event is not None and unit.record is not None and event.seq <= unit.applied(self.screen.tab):
                    return await self.renew(unit, event.seq)
                if await self._attempt(unit, event, asking, action):
                    return
                self.engine.observers.tell(Observer.met_newer, joined.definition.name)
            raise Busy(f"{joined.definition.name}: {ATTEMPTS} commits in a row met newer data")
        except (Busy, ResetNeeded, SessionEnded, Parked):
            raise
        except Exception as error:
            retried = trial is not None and not isinstance(error, FormError)
            if event is not None and await self._is_done(joined, event.seq, _code_of(error) if retried else ""):
                return await self.renew(await self.open(joined), event.seq)
            if joined.shown != joined.token.rendering:
                await self.renew(await self.open(joined), event.seq if event else protocol.MAX_EXACT_INTEGER)
            raise
        finally:
            self.screen.asked(asking)

    async def _is_done(self, joined: Joined, seq: int, refusal: str) -> bool:
        """Whether an event that has failed here is settled all the same: it ran on a connection that was lost, too.

        refusal: the code for one that may still run there. It is noted in the record, so that the event counts no more.
        """
        for _ in range(ATTEMPTS):
            unit = await self._opener.rebuilt(joined, self.screen.tab)
            if seq <= unit.applied(self.screen.tab):
                return True
            if not refusal or await self._settle_refusal(unit, seq, refusal):
                return False
        raise Busy(f"{joined.definition.name}: {ATTEMPTS} refusals in a row met newer data")

    async def _settle_refusal(self, unit: Unit, seq: int, code: str) -> bool:
        """Note in the record that the event is refused; False where that is newer meanwhile."""
        surroundings_of(unit.component).effects = [[REFUSED, code]]
        record = record_after(unit, self.screen.tab, seq, event=True)
        return await commit(self.engine, self.owner, unit, record, {})

    async def _attempt(self, unit: Unit, event: protocol.Event | None, asking: Asking, action: Action) -> bool:
        around, told, done = surroundings_of(unit.component), unit.joined.told, False
        # What is settled and not told of yet has effects: its own answer brings them.
        seq, shown = (event.seq, event.seq - 1) if event else (told, told)
        around.tab = attempt = Attempt(unit, asking, self.screen, lambda: self._step(unit, shown))
        try:
            with working(unit.work):
                await action(unit)
                self._take_shared(unit)
                rendering = await self._render(unit) if unit.renders or around.changes or not unit.joined.held else None
                fresh = await self._mount_children(unit, rendering) if rendering else {}
                if rendering is not None and unit.joined.definition.streams:
                    await take_changes(self.engine, unit, rendering)
            applied = event.seq if event else unit.applied(self.screen.tab)
            refused = self._refused.get(unit.token.instance, {}) if event else {}
            made = record_after(unit, self.screen.tab, applied, event=event is not None, refused=refused)
            record = unit.record if event is None and unchanged(unit, made) else made
            sealed = self.screen.seal(unit, rendering, record)
            done = await commit(self.engine, self.owner, unit, record, fresh)
        finally:
            attempt.end()
            if not done:
                attempt.undo(unit.component)
        if done:
            self.screen.show_children(unit, fresh)
            self.screen.show(unit, seq, rendering, sealed, around.effects)
            if event:
                unit.joined.told = event.seq
                self._refused.pop(event.instance, None)
            self.screen.committed(unit, made)
        return done

    def _take_shared(self, unit: Unit) -> None:
        """The fields of an instance that all visitors share are part of the unit's writes."""
        shared = self.engine.shared_by(unit.joined.definition, unit.token.mount, unit.token.slot)
        if shared is not None:
            shared.take(unit.component, unit.token.mount.path, unit.work)

    async def _render(self, unit: Unit) -> Rendering:
        """What the component shows now; from here on it counts what this reads, and what load() subscribes to."""
        around, following = surroundings_of(unit.component), unit.joined.following
        around.reads = {key: set(paths) for key, paths in unit.given.items()}
        around.heard.clear()
        around.since = following.changes if following is not None else -1
        await load(self.engine, unit.component)
        return self._rendering(unit)

    def _rendering(self, unit: Unit) -> Rendering:
        try:
            return self.engine.render(unit.component, unit.joined.token.slot)
        except BaseException as error:
            if ends_all(error) or isinstance(error, Busy):
                raise
            raise MethodFailed(f"{unit.joined.definition.name}.render", error) from error

    async def _mount_children(self, unit: Unit, rendering: Rendering) -> dict[str, Mounted]:
        """The children that the page does not show yet, or shows with other arguments."""
        if not rendering.children:
            return {}
        shown = children_in(self.screen.known(unit) or "")
        fresh = {name: child for name, child in rendering.children.items() if shown.get(name) != child.mark}
        if not fresh:
            return {}
        # Only what stands in the parent's text is on the page: of others, a browser may have let go.
        there = [name for name in fresh if name in shown]
        seconds = self.engine.settings.limits.handler_timeout
        await self.screen.finish([name for name in fresh if name not in shown], seconds)
        return await self.engine.mount_tree(
            fresh,
            unit.place,
            lambda: {**self.screen.inside(there), **shown},
            seconds=seconds,
            given=self.screen.given,
        )

    async def _step(self, unit: Unit, seq: int) -> None:
        """Show the state so far; nothing is committed, and the event is not settled."""
        rendering = await self._render(unit)
        if rendering.children and not self.screen.reads:
            return  # children would have to be sent at once
        fresh = await self._mount_children(unit, rendering)
        await keep(self.engine, self.owner, unit, fresh)
        if not unit.work.over:  # else what has become of it is shown already
            self.screen.show_children(unit, fresh)
            self.screen.show_step(unit, seq, rendering)

    async def enter(self, unit: Unit, since: int, *, anew: bool) -> None:
        """Bring a page up to date that has just joined. anew: its text does not belong to what it has seen settled."""
        wanted = missed(unit, self.screen.tab, debug=self.engine.settings.debug)
        if anew or self._is_outdated(unit):
            await self.renew(unit, since, wanted)
        elif wanted or unit.joined.token.listens:
            await self.catch_up(unit, wanted)

    def _is_outdated(self, unit: Unit) -> bool:
        """Whether the page shows less than the record holds; in development, less than the template says."""
        token, definition = unit.joined.token, unit.joined.definition
        if unit.version != token.version or token.schema != definition.fields.schema:
            return True
        if not self.engine.settings.debug:
            return False
        return self.engine.render(unit.component, token.slot).digest != unit.joined.shown

    async def renew(self, unit: Unit, since: int, wanted: Set[str] = NONE) -> None:
        """Send the newest rendering of the record, and effects from `since` on that may not have arrived, each once.

        wanted: streams that may have changed.
        """
        rendering = await self._render(unit)
        joined, kept, tab = unit.joined, unit.record.effects if unit.record else [], self.screen.tab
        since = max(since, joined.told + 1)
        unsent = [(seq, effect) for of, seq, each in kept if of == tab and seq >= since for effect in each]
        told = unit.applied(tab) if since <= unit.applied(tab) else joined.told
        effects = await filled(self.engine, unit, rendering, [each for _, each in unsent if each[0] != REFUSED], wanted)
        look_again(unit, effects)
        await self._renew(unit, rendering, effects, told, unsent)

    async def catch_up(self, unit: Unit, wanted: Set[str] = NONE) -> None:
        """Send the newest rendering, of a unit that was just opened, if the page does not show it."""
        rendering, joined = self._rendering(unit), unit.joined
        unsure, joined.unsure = joined.unsure, set()
        try:
            effects = await filled(self.engine, unit, rendering, [], wanted | unsure)
            if effects or not self.screen.shows(unit, rendering):
                await self._renew(unit, rendering, effects, joined.told)
            else:
                joined.follow(unit.component)
        except BaseException:
            joined.unsure |= unsure  # it is done once more
            raise

    async def _renew(self, unit: Unit, rendering: Rendering, effects: Effects, told: int, unsent: Unsent = ()) -> None:
        """Nothing is told where this raises: another attempt does it. unsent: the events of effects, and refusals."""
        fresh = await self._mount_children(unit, rendering)
        await keep(self.engine, self.owner, unit, fresh)
        unit.joined.told = told
        self.screen.show_children(unit, fresh)
        sealed = self.screen.seal(unit, rendering, unit.record)
        later = {id(effect) for _, effect in unsent}
        for seq, effect in unsent:
            later.discard(id(effect))
            if effect[0] != REFUSED:
                continue
            # A refusal settles what was before it, so that comes first: the line may end behind any message.
            if before := [each for each in effects if id(each) not in later]:
                self.screen.show(unit, seq - 1, rendering, sealed, before)
                effects = [each for each in effects if id(each) in later]
            self.screen.send(protocol.Refused(unit.token.instance, seq, effect[1]))
        self.screen.show(unit, told, rendering, sealed, effects)

    async def unmount(self, joined: Joined) -> None:
        """Run the hook of an instance that has left the page, and keep what it changed."""
        if "unmount" not in joined.definition.overrides or joined.token.pending:
            return
        asking, name = self.screen.ask(joined, 0), f"{joined.definition.name}.unmount"
        self.screen.asked(asking)
        for _ in range(ATTEMPTS):
            unit = await self.open(joined)
            around = surroundings_of(unit.component)
            around.tab = attempt = Attempt(unit, asking, self.screen, no_step)
            with working(unit.work):
                await guarded(self.engine, name, hook(unit.component.unmount))
                self._take_shared(unit)
            record = record_after(unit, self.screen.tab, unit.applied(self.screen.tab), event=False)
            if await commit(self.engine, self.owner, unit, record, {}):
                return self.screen.committed(unit, record)
            attempt.undo(unit.component)
        raise Busy(f"{name}: {ATTEMPTS} commits in a row met newer data")


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, Refusal) else MethodFailed.code
