"""`mailgate list`: the distribution lists, what they are made of, and what people decide about them."""

from __future__ import annotations

import typer

from mailgate.cli.lists import adjusting, checking, making, members, setting, showing

app = typer.Typer(help="Distribution lists.", no_args_is_help=True)
app.command(epilog="Example: mailgate list show 6eme-a")(showing.show)
app.command(epilog="Example: mailgate list describe theatre@clg-frederic-mistral.ent.example.org")(showing.describe)
app.command(epilog="Example: mailgate list check 6eme-a.parents@clg-mistral.ent.example.org --members")(checking.check)
app.add_typer(members.app, name="members")
app.command(epilog="Example: mailgate list exclude 6eme-a.parents@clg-mistral.ent.example.org eva.roy@ent.example.org")(
    adjusting.exclude
)
app.command(epilog="Example: mailgate list include 6eme-a.parents@clg-mistral.ent.example.org eva.roy@ent.example.org")(
    adjusting.include
)
app.command(
    epilog="Example: mailgate list create voyage@clg-mistral.ent.example.org 'Voyage à Rome' "
    "--rule 'niveau-6e.parents - niveau-5e.parents'"
)(making.create)
app.command(epilog="Example: mailgate list rule voyage@clg-mistral.ent.example.org '6eme-a.tous | 6eme-b.tous'")(
    making.rule
)
app.command(
    epilog="Example: mailgate list nest ape@clg-mistral.ent.example.org bureau-ape@clg-mistral.ent.example.org"
)(making.nest)
app.command(epilog="Example: mailgate list unnest ape@clg-mistral.ent.example.org bureau@clg-mistral.ent.example.org")(
    making.unnest
)
app.command(epilog="Example: mailgate list rename voyage@clg-mistral.ent.example.org 'Voyage à Florence'")(
    making.rename
)
app.command(epilog="Example: mailgate list close voyage@clg-mistral.ent.example.org")(making.close)
app.command("delete", hidden=True, epilog="Example: mailgate list delete voyage@clg-mistral.ent.example.org")(
    making.close
)
app.command(epilog="Example: mailgate list reopen voyage@clg-mistral.ent.example.org")(making.reopen)
app.command(epilog="Example: mailgate list refresh --dry-run")(making.refresh)
app.add_typer(setting.aliases, name="alias")
app.add_typer(setting.delegates, name="delegate")
app.add_typer(setting.settings, name="settings")
