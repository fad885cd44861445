"""REFERENCES as RFC 5256 section 3 tells it, message by message, with recursion and without any thrift."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imap.message import ThreadKeys


class Message(NamedTuple):
    """What the algorithm knows of one message."""

    date: int
    subject: str
    keys: ThreadKeys


@dataclass(eq=False)
class Node:
    """A message, or a dummy when `number` is 0."""

    number: int = 0
    date: int = 0
    subject: str = ""
    reply: bool = False
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def dummy(self) -> bool:
        return not self.number

    def key(self) -> tuple[int, int]:
        return self.children[0].key() if self.dummy else (self.date, self.number)

    def thread_subject(self) -> str:
        return self.children[0].subject if self.dummy else self.subject

    def adopt(self, child: Node) -> None:
        child.parent = self
        self.children.append(child)

    def leave(self) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def descends_from(self, other: Node) -> bool:
        return self is other or (self.parent is not None and self.parent.descends_from(other))

    def sort(self) -> None:
        for child in self.children:
            child.sort()
        self.children.sort(key=Node.key)

    def text(self) -> str:
        number = "" if self.dummy else str(self.number)
        if not self.children:
            return number
        if len(self.children) == 1:
            return f"{number} {self.children[0].text()}"
        return f"{number}{' ' if number else ''}{''.join(f'({child.text()})' for child in self.children)}"


def references(messages: Sequence[Message]) -> str:
    """The threads as the THREAD response shows them."""
    root = Node()
    for node in _linked(messages):
        if node.parent is None:
            root.adopt(node)
    root.children = [kept for child in root.children for kept in _pruned(child, top=True)]
    for child in root.children:
        if child.dummy:
            child.children.sort(key=Node.key)
    root.children.sort(key=Node.key)
    _merge_subjects(root)
    root.sort()
    return "".join(f"({child.text()})" for child in root.children)


def _linked(messages: Sequence[Message]) -> list[Node]:
    by_id: dict[str, Node] = {}
    nodes: list[Node] = []
    for number, (date, subject, keys) in enumerate(messages, 1):
        node = Node(number, date, subject, keys.is_reply)
        if keys.message_id and keys.message_id not in by_id:
            by_id[keys.message_id] = node
        nodes.append(node)
    for node, (_, _, keys) in zip(tuple(nodes), messages, strict=True):
        chain = []
        for reference in keys.references:
            if reference not in by_id:
                by_id[reference] = Node()
                nodes.append(by_id[reference])
            chain.append(by_id[reference])
        for parent, child in itertools.pairwise(chain):
            if child.parent is None and not parent.descends_from(child):
                parent.adopt(child)
        node.leave()
        if chain and not chain[-1].descends_from(node):
            chain[-1].adopt(node)
    return nodes


def _pruned(node: Node, *, top: bool) -> list[Node]:
    node.children = [kept for child in node.children for kept in _pruned(child, top=False)]
    if not node.dummy or (top and len(node.children) > 1):
        return [node]
    return node.children


def _merge_subjects(root: Node) -> None:
    table: dict[str, Node] = {}
    for current in root.children:
        subject = current.thread_subject()
        if not subject:
            continue
        known = table.setdefault(subject, current)
        if not known.dummy and (current.dummy or (known.reply and not current.reply)):
            table[subject] = current
    for current in tuple(root.children):
        subject = current.thread_subject()
        if not subject or table[subject] is current:
            continue
        known = table[subject]
        root.children.remove(current)
        if known.dummy and current.dummy:
            known.children += current.children
        elif known.dummy or (current.reply and not known.reply):
            known.children.append(current)
        else:
            root.children.remove(known)
            table[subject] = Node(children=[known, current])
            root.children.append(table[subject])
