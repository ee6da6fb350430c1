"""From one schema of the PostGIS store to the newest, as SQL. Alembic knows the way; nothing here connects."""

from __future__ import annotations

import io
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

SCRIPTS = Path(__file__).with_name("sql")


def upgrade_script(current: str | None, scripts: Path = SCRIPTS) -> str:
    """The statements that lead from a schema (None: nothing is there) to the newest one.

    They keep the table `alembic_version` as well, and belong in one transaction.
    """
    script = io.StringIO()
    command.upgrade(_config(scripts, script), f"{current or 'base'}:head", sql=True)
    return script.getvalue()


def newest(scripts: Path = SCRIPTS) -> str | None:
    """The newest schema that the scripts lead to."""
    return ScriptDirectory.from_config(_config(scripts, io.StringIO())).get_current_head()


def _config(scripts: Path, output: io.StringIO) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
