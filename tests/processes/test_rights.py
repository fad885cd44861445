"""`mailgate shared` beside a gateway at work: sessions hear of rights that another process changes."""

from __future__ import annotations

from contextlib import closing

from tests.processes.serving import Idle, Serving

ADDRESS = "infirmerie@ent.example.org"
NAME = "Shared/Infirmerie"


def test_rights_that_are_given_and_taken_back_are_news(serving: Serving) -> None:
    """To a client that asked for news of names, and to one that has the mailbox selected."""
    serving.command.good("shared", "create", "Infirmerie", "--address", ADDRESS)
    watching = serving.imap()
    try:
        watching.xatom("NOTIFY", "SET (subtree Shared (MailboxName))")
        serving.command.good("shared", "grant", "Infirmerie", serving.pupil, "--rights", "write")
        assert watching.readline() == b'* LIST (\\NonExistent \\HasChildren) "/" Shared\r\n'
        assert watching.readline() == b'* LIST (\\HasChildren \\Subscribed) "/" %s\r\n' % NAME.encode()
        with closing(Idle(serving, NAME)) as reading:
            assert watching.append(NAME, "", "", b"Subject: Partage\r\n\r\n")[0] == "OK"
            reading.wait_for(b"* 1 EXISTS\r\n")
            serving.command.good("shared", "revoke", "Infirmerie", serving.pupil)
            reading.wait_for(b"* 1 EXPUNGE\r\n")
    finally:
        watching.shutdown()
