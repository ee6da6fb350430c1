"""Alembic's entry: writes the statements of an upgrade, and connects to nothing."""

from alembic import context

context.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, transactional_ddl=False)
context.run_migrations()
