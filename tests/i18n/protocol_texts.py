"""Finds in the source every text that the IMAP engine tells people, so that none is left without a translation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import imap
import imap.errors
import mailgate

ENGINE = Path(next(iter(imap.__path__)))
APPLICATION = Path(next(iter(mailgate.__path__)))
ERRORS = {name for name, kind in vars(imap.errors).items() if isinstance(kind, type)}
SIGN_IN = {"SignInRefused", "SignInUnavailable", "SignInMalformed"}
TEXTS = {"Completion": 0, "say": 0, "note": 0, "answer": 2, "end": 0, "Overrun": 0, "_refuse": 1, "_refusal": 1}
"""Calls of the engine, and which argument is a text."""
WHAT = {
    "expected": 0,
    "word": 1,
    "number": 0,
    "nz_number": 0,
    "number64": 0,
    "nz_number64": 0,
    "atom": 0,
    "quoted": 0,
    "string": 0,
    "nstring": 0,
    "astring": 0,
    "text_astring": 0,
    "decode": 1,
}
"""Methods of the parser's cursor, and which argument says what was expected there."""
NAMES = {"text", "what"}
CODECS = {"replace", "surrogatepass"}
"""Of `bytes.decode`, which has the name of a method of the cursor."""


def texts() -> dict[str, str]:
    """Each text with a place where it stands; formatted ones as they are written, to be found wanting."""
    found: dict[str, str] = {}
    for folder in (ENGINE, APPLICATION):
        for path in sorted(folder.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in (*_arguments(tree, engine=folder is ENGINE), *_defaults(tree, engine=folder is ENGINE)):
                for text in set(_literals(node)) - CODECS:
                    found.setdefault(text, f"{path.name}:{node.lineno}")
    return {text: place for text, place in found.items() if not text.endswith(" completed") or "{" in text}


def _arguments(tree: ast.AST, *, engine: bool) -> Iterator[ast.expr]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        method = isinstance(call.func, ast.Attribute)
        places = [0] if name in ERRORS | SIGN_IN or (name == "__init__" and engine) else []
        if engine:
            places += [TEXTS[name]] if name in TEXTS else []
            places += [WHAT[name]] if name in WHAT and method else []
            yield from (keyword.value for keyword in call.keywords if keyword.arg in NAMES)
            if name == "expected" and len(call.args) > 1:
                places.append(1)
        yield from (call.args[place] for place in places if place < len(call.args))


def _defaults(tree: ast.AST, *, engine: bool) -> Iterator[ast.expr]:
    """Texts that stand as the default of a parameter, and those returned by functions made to give one."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        in_errors = function.name == "__init__"
        parameters = function.args.args[len(function.args.args) - len(function.args.defaults) :]
        for parameter, default in zip(parameters, function.args.defaults, strict=True):
            if parameter.arg in NAMES and (engine or in_errors):
                yield default
        if engine and function.name == "_wrong_state":
            yield from (step.value for step in ast.walk(function) if isinstance(step, ast.Return) and step.value)


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield ast.unparse(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
