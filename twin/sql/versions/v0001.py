"""The first schema: models, log, answers, checkpoints, scenarios, and views of the present state."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute((Path(__file__).parents[1] / "0001.sql").read_text(encoding="utf-8"))
