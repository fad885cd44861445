"""Mail to a Postfix and from it: over TLS and where TLS fails, put off, refused, by way of slow and dead servers, with
DANE good and bad.
"""

from __future__ import annotations

from tests.postfix.conftest import FRIEND, MX, SLOW_AT, World


async def test_there_and_back(world: World) -> None:
    await world.submit("Sortie au musée", FRIEND)
    message = await world.until_arrived("Sortie au musée")
    assert "by mx.elsewhere.example (Postfix) with ESMTPS" in " ".join(message["Received"].split())
    await world.inject("Merci")
    answer = await world.until_in_inbox("Merci")
    assert "with ESMTPS" in answer["Received"]
    await world.until_logged("TLS connection established to 127.0.0.1")


async def test_who_is_not_there_is_returned_in_both_directions(world: World) -> None:
    await world.submit("Adresse fausse", "personne@elsewhere.example")
    returned = await world.until_in_inbox("Adresse fausse")
    assert returned.get_content_type() == "multipart/report"
    assert "550 5.1.1" in returned.as_string()
    await world.inject("Wrong address", "nobody.at.all@ent.example.org")
    returned = await world.until_arrived("Undelivered Mail")
    assert "550 5.1.1" in returned.as_string()


async def test_what_is_put_off_arrives_when_it_may(world: World) -> None:
    world.configure(
        "smtpd_recipient_restrictions = check_recipient_access static:{451 4.7.1 later}, permit\n"
        # What serves the connections that are kept knows of no other settings until these end.
        "smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 4\n"
    )
    for number in range(20):
        await world.submit(f"Tempête {number}", FRIEND)
    await world.until_queued("waiting", "later")
    assert world.arrived() == []
    world.configure()

    async def all_there() -> bool:
        return len(world.arrived()) == 20

    await world.until(all_there)
    assert len({one["Message-ID"] for one in world.arrived()}) == 20


async def test_a_dead_server_gives_way(world: World) -> None:
    world.names.records = {
        "elsewhere.example MX": ["5 dead.elsewhere.example.", f"10 {MX}."],
        "dead.elsewhere.example A": ["127.0.0.9"],
        f"{MX} A": ["127.0.0.1"],
    }
    await world.submit("Détour", FRIEND)
    await world.until_arrived("Détour")


async def test_domains_that_are_slow_or_dead_hold_up_nobody(world: World) -> None:
    world.names.records = {
        **world.names.records,
        "slow.example MX": ["10 mx.slow.example."], "mx.slow.example A": [SLOW_AT],
        "dead.example MX": ["10 mx.dead.example."], "mx.dead.example A": ["127.0.0.9"],
    }  # fmt: skip
    for number in range(8):
        await world.submit(f"Slow {number}", "ami@slow.example")
        await world.submit(f"Dead {number}", "ami@dead.example")
    await world.submit("Quick", FRIEND)
    await world.until_arrived("Quick")
    assert [one["Subject"] for one in world.arrived()] == ["Quick"], "the others take five seconds each"
    await world.until_queued("waiting", "mx.dead.example")
    await world.until_arrived("Slow")
    assert {row[0] for row in await world.queued()} == {"sent", "waiting"}


async def test_tls_that_fails_is_done_without_where_nothing_asks_for_it(world: World) -> None:
    """RFC 3207 section 4.1, RFC 7435: what can be had is better than nothing."""
    world.configure("smtpd_tls_protocols = TLSv1\n")
    await world.submit("Old TLS", FRIEND)
    message = await world.until_arrived("Old TLS")
    assert "(Postfix) with ESMTP id" in " ".join(message["Received"].split())
    assert "SSL_accept error" in world.postfix.log


async def test_the_key_that_dane_names(world: World) -> None:
    world.names.records = {**world.names.records, f"_{world.port}._tcp.{MX} TLSA": [world.tlsa()]}
    await world.submit("Good key", FRIEND)
    await world.until_arrived("Good key")


async def test_another_key_than_dane_names(world: World) -> None:
    world.names.records = {**world.names.records, f"_{world.port}._tcp.{MX} TLSA": [f"3 1 1 {'00' * 32}"]}
    await world.submit("Bad key", FRIEND)
    await world.until_queued("waiting", "TLSA")
    assert world.arrived() == []


async def test_dane_and_a_server_without_tls(world: World) -> None:
    world.names.records = {**world.names.records, f"_{world.port}._tcp.{MX} TLSA": [world.tlsa()]}
    world.configure("smtpd_tls_security_level = none\n")
    await world.submit("No TLS", FRIEND)
    await world.until_queued("waiting", "TLS")
    assert world.arrived() == []
