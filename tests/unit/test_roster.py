"""What processes know of each other's members, over a network that loses, doubles, delays and reorders."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from asok.errors import StoreError
from asok.roster import Member, Roster

BEAT, PATIENCE = 0.3, 0.9
ROOMS, IDS = ("hall", "garden"), ("ann", "bob", "cy")


class Node:
    """A roster, what has come for it, and who is there by what it was told."""

    def __init__(self, network: Network, number: int) -> None:
        self.inbox: list[bytes] = []
        self.seen: Counter[tuple[str, str]] = Counter()
        self.roster = Roster(
            f"process {number}",
            lambda message: network.spread(self, message),
            self.told,
            heartbeat=BEAT,
            patience=PATIENCE,
        )
        self.roster.peer = f"peer {number}"

    def told(self, room: str, joined: tuple[Member, ...], left: tuple[Member, ...]) -> None:
        for member in joined:
            self.seen[room, member.id] += 1
        for member in left:
            self.seen[room, member.id] -= 1
        assert set(self.seen.values()) <= {0, 1}, "nobody joins twice or leaves without having joined"
        there = {member.id for member in self.roster.members(room)}
        assert {member.id for member in joined} <= there and not {member.id for member in left} & there

    @property
    def view(self) -> dict[str, tuple[Member, ...]]:
        return {room: self.roster.members(room) for room in ROOMS}


class Network:
    def __init__(self, size: int) -> None:
        self.now = 0.0
        self.sent: list[bytes] = []
        self.nodes = [Node(self, number) for number in range(size)]
        for node in self.nodes:
            node.roster.hello()
        self.deliver()

    def spread(self, sender: Node, message: bytes) -> None:
        self.sent.append(message)
        for node in self.nodes:
            if node is not sender:
                node.inbox.append(message)

    def deliver(self) -> None:
        while any(node.inbox for node in self.nodes):
            for node in self.nodes:
                if node.inbox:
                    node.roster.hear(node.inbox.pop(0), self.now)

    def turn(self, *still: Node) -> None:
        """One heartbeat of all but those who stand still."""
        self.now += BEAT
        for node in self.nodes:
            if node not in still:
                node.roster.beat(self.now)
        for node in still:
            node.inbox.clear()
        self.deliver()

    def join(self, number: int, room: str, id: str, **meta: Any) -> None:
        self.nodes[number].roster.put(room, Member(id, id, meta, False, round(self.now, 3)))


# --- what a network may do


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(0, 2), st.sampled_from(ROOMS), st.sampled_from(IDS), st.integers(0, 2)),
        st.tuples(st.just("leave"), st.integers(0, 2), st.sampled_from(ROOMS), st.sampled_from(IDS)),
        st.tuples(st.just("typing"), st.integers(0, 2), st.sampled_from(ROOMS), st.sampled_from(IDS)),
        st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 20)),
        st.tuples(st.just("double"), st.integers(0, 2), st.integers(0, 20)),
        st.tuples(st.just("lose"), st.integers(0, 2), st.integers(0, 20)),
        st.tuples(st.just("beat"), st.integers(0, 2)),
        st.tuples(st.just("cut"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from((0.1, 0.5, 1.0, 2.0))),
    ),
    min_size=12,
    max_size=60,
)


def do(network: Network, step: tuple[Any, ...]) -> None:
    name, *rest = step
    if name == "wait":
        network.now += rest[0]
        return
    node = network.nodes[rest[0]]
    if name == "join":
        network.join(rest[0], rest[1], rest[2], colour=rest[3])
    elif name == "leave":
        node.roster.drop(rest[1], rest[2])
    elif name == "typing":
        node.roster.type(rest[1], rest[2], network.now + 1)
    elif name == "beat":
        node.roster.beat(network.now)
    elif name == "cut":
        node.roster.lose(f"peer {rest[1]}")
    elif rest[1] < len(node.inbox):
        message = node.inbox.pop(rest[1])
        if name != "lose":
            node.roster.hear(message, network.now)
        if name == "double":
            node.inbox.append(message)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_after_the_network_heals_all_agree(steps: list[tuple[Any, ...]]) -> None:
    network = Network(3)
    for step in steps:
        do(network, step)
    network.deliver()
    for _ in range(8):
        network.turn()
    views = [node.view for node in network.nodes]
    assert views[0] == views[1] == views[2]
    owned = {room: {id for node in network.nodes for id in IDS if node.roster.own(room, id)} for room in ROOMS}
    assert {room: {member.id for member in members} for room, members in views[0].items()} == owned
    assert not any(member.typing for members in views[0].values() for member in members)
    for node in network.nodes:
        assert {key for key, there in node.seen.items() if there} == {(r, id) for r in ROOMS for id in owned[r]}


def test_a_lost_change_is_asked_for_with_the_next_heartbeat() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(0, "hall", "ann")
    second.inbox.clear()
    network.join(0, "hall", "bob")
    second.inbox.clear()
    assert second.view["hall"] == ()
    network.turn()
    assert second.view == first.view and len(second.view["hall"]) == 2


def test_a_change_after_a_lost_one_does_not_hide_the_loss() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(0, "hall", "ann")
    second.inbox.clear()
    network.join(0, "hall", "bob")
    network.deliver()
    assert second.view == first.view and len(second.view["hall"]) == 2


def test_a_lost_leave_is_learned_with_the_whole() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(0, "hall", "ann")
    network.join(0, "hall", "bob")
    network.deliver()
    first.roster.drop("hall", "ann")
    second.inbox.clear()
    network.turn()
    assert [member.id for member in second.view["hall"]] == ["bob"]


def test_a_whole_that_comes_late_undoes_nothing() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(0, "hall", "ann")
    network.deliver()
    first.roster.hello()
    (old,) = second.inbox
    second.inbox.clear()
    first.roster.drop("hall", "ann")
    network.deliver()
    second.roster.hear(old, network.now)
    assert second.view["hall"] == ()


# --- silence


def test_who_is_silent_is_gone_and_comes_back_whole() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(0, "hall", "ann")
    network.join(1, "hall", "bob")
    network.deliver()
    assert len(second.view["hall"]) == 2
    for _ in range(3):
        network.turn(first)
    assert len(second.view["hall"]) == 2, "three heartbeats are within its patience"
    network.turn(first)
    assert [member.id for member in second.view["hall"]] == ["bob"]
    network.turn()
    assert [member.id for member in second.view["hall"]] == ["ann", "bob"]
    assert first.view == second.view


def test_whose_loop_stood_still_takes_nobody_for_dead() -> None:
    network = Network(2)
    first, second = network.nodes
    network.join(1, "hall", "bob")
    network.turn()
    network.now += 5
    first.roster.beat(network.now)
    assert [member.id for member in first.view["hall"]] == ["bob"]
    assert second.view["hall"]


def test_who_is_always_late_still_finds_the_dead() -> None:
    network = Network(2)
    first = network.nodes[0]
    network.join(1, "hall", "bob")
    network.turn()
    for _ in range(8):
        network.now += 0.7
        first.roster.beat(network.now)
    assert first.view["hall"] == ()


def test_a_lost_connection_takes_its_members_at_once() -> None:
    network = Network(3)
    network.join(0, "hall", "ann")
    network.join(1, "hall", "bob")
    network.deliver()
    network.nodes[2].roster.lose("peer 0")
    assert [member.id for member in network.nodes[2].view["hall"]] == ["bob"]
    assert len(network.nodes[1].view["hall"]) == 2


def test_a_goodbye_takes_its_members_at_once() -> None:
    network = Network(2)
    network.join(0, "hall", "ann")
    network.deliver()
    network.nodes[0].roster.bye()
    network.deliver()
    assert network.nodes[1].view["hall"] == ()


def test_where_nobody_is_nothing_is_said() -> None:
    network = Network(3)
    network.sent.clear()
    for _ in range(5):
        network.turn()
    assert network.sent == []
    network.join(0, "hall", "ann")
    network.deliver()
    network.sent.clear()
    network.turn()
    assert len(network.sent) == 3, "each is heard while anybody is there"


# --- the members


def test_all_sort_by_the_joining_and_then_by_id() -> None:
    network = Network(2)
    network.join(1, "hall", "zoe")
    network.join(0, "hall", "bob")
    network.now += 1
    network.join(1, "hall", "ann")
    network.deliver()
    for node in network.nodes:
        assert [member.id for member in node.view["hall"]] == ["bob", "zoe", "ann"]


def test_a_tab_that_moves_to_another_process_does_not_leave_in_between() -> None:
    network = Network(3)
    network.join(1, "hall", "ann", colour="red")
    network.now += 1
    network.join(0, "hall", "ann", colour="blue")
    network.deliver()
    assert [node.view["hall"][0].meta["colour"] for node in network.nodes] == ["blue"] * 3
    network.nodes[1].roster.drop("hall", "ann")
    network.deliver()
    for node in network.nodes:
        assert [member.meta["colour"] for member in node.view["hall"]] == ["blue"]
        assert node.seen["hall", "ann"] == 1


def test_typing_ends_by_itself_and_again_prolongs() -> None:
    network = Network(2)
    roster = network.nodes[0].roster
    network.join(0, "hall", "ann")
    roster.type("hall", "ann", 1.0)
    network.deliver()
    assert network.nodes[1].view["hall"][0].typing
    network.sent.clear()
    roster.type("hall", "ann", 2.0)
    assert network.sent == [], "who types on need not be announced again"
    for _ in range(5):
        network.turn()
    assert network.nodes[1].view["hall"][0].typing
    for _ in range(2):
        network.turn()
    assert not network.nodes[1].view["hall"][0].typing


def test_who_left_while_typing_does_not_come_back() -> None:
    network = Network(2)
    network.join(0, "hall", "ann")
    network.nodes[0].roster.type("hall", "ann", 1.0)
    network.nodes[0].roster.drop("hall", "ann")
    for _ in range(5):
        network.turn()
    assert network.nodes[0].view == network.nodes[1].view == {"hall": (), "garden": ()}


def test_a_large_state_comes_in_parts_that_a_bus_can_carry() -> None:
    network = Network(1)
    for number in range(1050):
        network.join(0, "r" * 256, f"{number:04}" + "i" * 252, text="x" * 4000)
    late = Node(network, 9)
    network.nodes.append(late)
    network.sent.clear()
    late.roster.hello()
    network.deliver()
    assert max(map(len, network.sent)) < 1024 * 1024
    assert late.roster.members("r" * 256) == network.nodes[0].roster.members("r" * 256)
    assert len(late.roster.members("r" * 256)) == 1050


def test_who_is_there_is_sorted_once_until_somebody_changes() -> None:
    network = Network(1)
    network.join(0, "hall", "ann")
    roster = network.nodes[0].roster
    before = roster.members("hall")
    assert roster.members("hall") is before
    network.join(0, "hall", "bob")
    assert len(roster.members("hall")) == 2


@given(st.binary(max_size=60))
def test_garbage_changes_nothing(garbage: bytes) -> None:
    network = Network(2)
    network.join(0, "hall", "ann")
    network.deliver()
    with suppress(msgspec.DecodeError, UnicodeDecodeError, StoreError):
        network.nodes[1].roster.hear(garbage, 0)
    assert len(network.nodes[1].view["hall"]) == 1
