#!/bin/sh
# The image's entry. Kernels compiled at build go where Numba may write: it uses no cache that is read-only. The
# database's password comes from a file, so that it stands in no setting of the container.
set -eu
if [ ! -e "$NUMBA_CACHE_DIR" ]; then
    cp -R "$(dirname "$0")/../numba" "$NUMBA_CACHE_DIR" || {
        echo "gridtwin: $NUMBA_CACHE_DIR cannot be written; mount a tmpfs at /tmp (--tmpfs /tmp)" >&2
        exit 2
    }
fi
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
exec gridtwin "$@"
