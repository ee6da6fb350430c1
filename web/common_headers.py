"""Header fields that answers have in common."""

COMMON_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
SHARED_HEADERS = [
    *COMMON_HEADERS,
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Gridtwin-Revision, Gridtwin-Left-Out"),
]
