"""Further addresses of lists. One that a list ever had is never given to another list or person."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from directory.addresses import check_free
from directory.list_definitions import Author, list_address
from directory.list_graph import ListError
from directory.list_membership import OneList
from directory.list_schema import list_alias
from directory.sql import lock


def add(connection: Connection, one: OneList, wanted: str, author: Author) -> str:
    """Give a list a further address, in the domain of any school or cité; one that it had may come back.

    Raises:
        ListError: the address cannot be.
        TakenAddressError: somebody has the address, or had it.
    """
    lock(connection)
    address, _ = list_address(connection, wanted)
    row = connection.execute(select(list_alias).where(list_alias.c.address == address)).first()
    if row is not None and row.list_id == one.list_id:
        if row.active:
            raise ListError(f"{one.address} has the address {address} already")
        connection.execute(
            update(list_alias).where(list_alias.c.address == address).values(active=True, **author._asdict())
        )
        return address
    check_free(connection, address)
    row_of = {"address": address, "list_id": one.list_id, "active": True}
    connection.execute(insert(list_alias).values(row_of | author._asdict()))
    return address


def remove(connection: Connection, one: OneList, wanted: str, author: Author) -> str:
    """Take a further address out of use; it stays this list's. Raises ListError when the list does not have it."""
    lock(connection)
    address = wanted.strip().lower()
    row = (list_alias.c.address == address, list_alias.c.list_id == one.list_id, list_alias.c.active)
    if not connection.execute(update(list_alias).where(*row).values(active=False, **author._asdict())).rowcount:
        raise ListError(f"{one.address} has no further address {address}")
    return address


def aliases(connection: Connection, list_id: int) -> list[str]:
    """The further addresses of a list in use."""
    rows = select(list_alias.c.address).where(list_alias.c.list_id == list_id, list_alias.c.active)
    return list(connection.scalars(rows.order_by(list_alias.c.address)))
