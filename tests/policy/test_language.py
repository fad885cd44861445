"""In which language a refusal is written that comes from no rule of any school."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from directory.schema import address
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery import recipients
from mailgate.delivery.admission import Admission
from mailgate.policy import schools
from mailgate.policy.targets import OutsideTarget, Target
from mailgate.policy.writing import may_write
from mailgate.store import MailStore
from smtp.handler import SmtpError
from tests.policy.academy import accounts


async def test_it_is_that_of_the_recipient_s_school_and_of_the_writer_s_for_who_writes_out(academy_url: str) -> None:
    people = accounts().values()
    writer = next(one for one in people if one.profile == "pupil" and one.schools == {"0131001T"})
    reader = next(one for one in people if one.profile == "teacher" and "0131001T" not in one.schools)
    mine, [theirs, *_] = "0131001T", sorted(reader.schools)
    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        number = int(
            await connection.scalar(select(address.c.person_id).where(address.c.address == writer.address)) or 0
        )
        mine_id, theirs_id = [await connection.run_sync(schools.school_id_of, one) for one in (mine, theirs)]
    database = await open_database(academy_url)
    admission = Admission(database, MailStore(database), "fr")

    async def said(school_id: int, target: Target) -> str:
        async with batch_engine(academy_url) as engine, engine.begin() as connection:
            await connection.run_sync(schools.change, school_id, "language", "en")
        try:
            with pytest.raises(SmtpError) as refused:
                await admission.decision(number, target)
        finally:
            async with batch_engine(academy_url) as engine, engine.begin() as connection:
                await connection.run_sync(schools.change, school_id, "language", None)
        return refused.value.text

    try:
        found = await database.read(lambda tx: recipients.resolve(tx, reader.address))
        assert found is not None
        assert (await database.read(lambda tx: may_write(tx, number, found.target))).school_id is None
        assert (await said(theirs_id, found.target)).startswith("Messages from pupils")
        assert (await said(mine_id, found.target)).startswith("Les messages")
        assert (await said(mine_id, OutsideTarget())).startswith("Messages from pupils")
    finally:
        await database.close()
