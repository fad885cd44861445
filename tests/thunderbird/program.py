"""Thunderbird at work: what it shows, what it is made to do, and what it said on the wire."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import msgspec

from tests.thunderbird.marionette import Marionette, MarionetteError
from tests.thunderbird.screen import Screen

PATIENCE = 60.0
T = TypeVar("T")

_PANE = "const pane = window.document.getElementById('tabmail').currentAbout3Pane;"
_ROWS = (
    _PANE
    + """
const rows = [...pane.document.querySelectorAll("#folderTree li li li")];
const nameOf = row => {
  const names = [];
  for (let at = row; at; at = at.parentElement.closest("li")) names.unshift(at.querySelector(".name").textContent);
  return names.slice(2).join("/"); // below the account
};
const addressOf = name => rows.find(row => nameOf(row) === name).uri;
"""
)
_FOLDERS = _ROWS + "return rows.map(nameOf);"
_OPEN_FOLDER = _ROWS + "pane.displayFolder(addressOf(arguments[0])); pane.threadTree.table.body.focus();"
_MESSAGES = _PANE + (
    "return pane.gDBView === null ? [] : [...Array(pane.gDBView.rowCount).keys()]"
    ".map(row => pane.gDBView.getMsgHdrAt(row)).map(header => [header.mime2DecodedSubject, header.isRead]);"
)
_OPEN_MESSAGE = _PANE + (
    "for (let row = 0; row < pane.gDBView.rowCount; row++)"
    "  if (pane.gDBView.getMsgHdrAt(row).mime2DecodedSubject === arguments[0]) {"
    "    pane.threadTree.selectedIndex = row;"
    "    return true;"
    "  }"
    "return false;"
)
_READING = _PANE + (
    "const message = pane.messageBrowser.contentWindow;"
    "return [message.gMessage.mime2DecodedSubject, message.getMessagePaneBrowser().contentDocument.body.textContent];"
)
_SEARCH = (
    _ROWS
    + """
const [folder, attribute, text, done] = arguments;
const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, MailUtils.getExistingFolder(addressOf(folder)));
const term = session.createTerm(), value = term.value, found = [];
term.attrib = value.attrib = Ci.nsMsgSearchAttrib[attribute];
term.op = Ci.nsMsgSearchOp.Contains;
value.str = text;
term.value = value;
session.appendTerm(term);
session.registerListener({
  onNewSearch() {},
  onSearchHit(header) { found.push(header.mime2DecodedSubject); },
  onSearchDone() { done(found); },
}, Ci.nsIMsgSearchSession.allNotifications);
session.search(null);
"""
)
_COMPOSE = """
const identity = MailServices.accounts.allIdentities.find(one => one.email === arguments[0]);
MailServices.compose.OpenComposeWindowWithURI(null, Services.io.newURI(arguments[1]), identity);
"""
_READY_TO_SEND = """
const written = Services.wm.getMostRecentWindow("msgcompose");
if (!written || written.document.readyState !== "complete" || !written.gMsgCompose?.editor) return false;
const send = written.document.getElementById("button-send");
return written.gMsgCompose.compFields.subject === arguments[0] && !send.disabled;
"""


def until(condition: Callable[[], T], what: str) -> T:
    """The first true value of a condition of another process, which tells nobody. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)
    return value


class Thunderbird:
    """The program on a profile, until the end of the `with` block; its wire log stays in the folder."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.wire_log = folder / "wire.moz_log"
        self._profile = folder / "profile"
        self._screen = screen
        self._output = (folder / "thunderbird.log").open("w")
        self._process = subprocess.Popen(
            ["thunderbird", "--profile", str(self._profile), "--marionette", "--remote-allow-system-access"],
            env=screen.environment
            | {
                "HOME": str(folder),
                "LANG": "C.UTF-8",
                "MOZ_LOG": "IMAP:5,SMTP:5,timestamp,sync",
                "MOZ_LOG_FILE": str(self.wire_log.with_suffix("")),
            },
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._remote: Marionette | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._remote is not None:
            self._remote.__exit__(None, None, None)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)
        self._output.close()

    def sign_in(self, password: str) -> None:
        """Answer the question for the password as a person does."""
        self._screen.wait_for_window("^Enter your password for")
        self._screen.type(password)
        self._screen.press("Return")

    def folders(self) -> list[str]:
        """The tree of the folder pane: names with those above them."""
        return self._ask(list[str], _FOLDERS)

    def open_folder(self, name: str) -> None:
        """Show a folder of the folder pane."""
        self._marionette().run(_OPEN_FOLDER, name)

    def messages(self) -> dict[str, bool]:
        """The list of messages that is shown: subjects, and which of them are read."""
        return dict(self._ask(list[tuple[str, bool]], _MESSAGES))

    def open_message(self, subject: str) -> str:
        """Choose a message in the list, and its text once it is shown. Raises TimeoutError."""
        until(lambda: self._ask(bool, _OPEN_MESSAGE, subject), f"{subject} is not in the list")
        return until(lambda: self._text_of(subject), f"{subject} is not shown")

    def _text_of(self, subject: str) -> str:
        try:
            shown, text = self._ask(tuple[str, str], _READING)
        except MarionetteError:  # nothing is shown yet
            return ""
        return text if shown == subject else ""

    def search(self, folder: str, attribute: str, text: str) -> list[str]:
        """Subjects that the server finds in a folder; the attribute is one of nsMsgSearchAttrib."""
        return msgspec.convert(self._marionette().wait(_SEARCH, folder, attribute, text), list[str])

    def send(self, sender: str, to: str, subject: str, text: str, password: str | None = None) -> None:
        """Write a message by an identity, and send it; answer for the password when it is asked for."""
        self._marionette().run(_COMPOSE, sender, f"mailto:{to}?subject={quote(subject)}&body={quote(text)}")
        until(lambda: self._ask(bool, _READY_TO_SEND, subject), f"{subject} is not ready to be sent")
        self._screen.wait_for_window(f"^Write: {subject}")
        self._screen.press("ctrl+Return")
        if password is not None:
            self._screen.wait_for_window("^Password Required for Outgoing")
            self._screen.type(password)
            self._screen.press("Return")

    def said(self) -> list[str]:
        """The commands sent over IMAP, without their tags."""
        return re.findall(r"SendData: \d+ (.*)", self.wire_log.read_text(errors="replace"))

    def refusals(self) -> list[str]:
        """Answers of NO and BAD, and BYE."""
        return re.findall(
            r"CreateNewLineFromSocket: ((?:\d+ (?:NO|BAD)|\* BYE) .*)", self.wire_log.read_text(errors="replace")
        )

    def _ask(self, kind: type[T], script: str, *arguments: str) -> T:
        return msgspec.convert(self._marionette().run(script, *arguments), kind)

    def _marionette(self) -> Marionette:
        if self._remote is None:
            port = until(self._port, "Thunderbird cannot be asked")
            self._remote = Marionette(port)
        return self._remote

    def _port(self) -> int:
        file = self._profile / "MarionetteActivePort"
        return int(file.read_text()) if file.exists() else 0
