"""Groups of commands that import a command's module only when that command is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

CommandTable: TypeAlias = Mapping[str, tuple[str, str]]


class LazyGroup(TyperGroup):
    """A group whose commands stand in `table`: name -> (`module:object`, the first line of the command's help).

    The object is a command's function, or a `typer.Typer` for a group within the group. The help of the group itself
    shows the table and imports nothing.
    """

    table: ClassVar[CommandTable] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, summary) in self.table.items():
            self.add_command(TyperCommand(name, short_help=summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.load(name), rest

    @classmethod
    def load(cls, name: str) -> Any:
        """Imports a command of the table."""
        module, _, attribute = cls.table[name][0].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        return typer.main.get_command(alone)
