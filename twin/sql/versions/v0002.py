"""What a source says of an element beyond the columns of its class."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute((Path(__file__).parents[1] / "0002.sql").read_text(encoding="utf-8"))
