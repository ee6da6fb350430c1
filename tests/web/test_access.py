"""Who may do what: a table of scopes and operations, and tokens of every bad kind."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.web.conftest import Client, Connect, Served
from twin.engine import Twin
from twin.events import Operation
from web import cli
from web.access import SCOPES, AccessError, TokenFile, add_token
from web.commands.options import login_name
from web.guard import COOKIE
from web.routes import OPERATIONS
from web.settings import Settings, SettingsError
from web.stream import Subscriber

AUDIENCE, ISSUER = "gridtwin", "https://id.example"
SWITCH = {"operations": [{"mrid": "SW1", "open": True}]}


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token for each scope."""
    return {scope: add_token(tmp_path / "tokens", f"{scope}er", scope) for scope in SCOPES}


@pytest.fixture
def guarded(twin: Twin, connect: Connect, tokens: dict[str, str], tmp_path: Path) -> Client:
    return connect(twin, token_file=str(tmp_path / "tokens"))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(client: Client, path: str, body: object, token: str) -> httpx.Response:
    return client.post(path, body, headers=bearer(token))


# --- scopes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_every_operation_wants_its_scope(guarded: Client, tokens: dict[str, str], operation) -> None:  # type: ignore[no-untyped-def]
    path = operation.public_path.replace("{z}", "14").replace("{tileset}", "grid")
    path = path.replace("{x}", "1").replace("{y}", "1").replace("{mrid}", "SW1").replace("{path}", "main.js")
    if path == "/api/stream":
        return  # does not end by itself; see test_the_stream_is_covered
    statuses = {}
    for scope in (None, *SCOPES):
        headers = {"Content-Type": "application/json", **(bearer(tokens[scope]) if scope else {})}
        answer = guarded.request(operation.method, path, headers=headers, content=b"null")
        statuses[scope] = answer.status_code
    needs = operation.needs
    for scope, status in statuses.items():
        if needs is None:
            assert status not in (401, 403) or path == "/signin"
        elif scope is None:
            assert status == 401
        else:
            assert (status == 403) == (SCOPES.index(scope) < SCOPES.index(needs)), (scope, status)


WRITES = {
    ("POST", "/api/switching"),
    ("POST", "/api/scenarios"),
    ("DELETE", "/api/scenarios/{id}"),
    ("POST", "/api/scenarios/{id}/switching"),
}
PUBLIC = {"/", "/viewer/{path:path}", "/healthz", "/readyz", "/signin", "/signout"}


def test_the_table_of_scopes() -> None:
    table = {(operation.method, operation.path): operation.needs for operation in OPERATIONS}
    assert {route for route, needs in table.items() if needs == "operate"} == WRITES
    assert {path for (_, path), needs in table.items() if needs is None} == PUBLIC
    reads = {route for route, needs in table.items() if needs == "read"}
    assert {path for method, path in reads if method == "POST"} == {"/api/traces"}
    assert len(reads) + len(WRITES) + sum(path in PUBLIC for _, path in table) == len(table)


def test_a_server_without_access_control_lets_everybody_do_everything(client: Client, twin: Twin) -> None:
    assert client.get("/api/network").status_code == 200
    assert client.post("/api/switching", SWITCH).status_code == 200
    assert list(twin.store.events())[-1].author == ""


def test_the_stream_is_covered(guarded: Client) -> None:
    assert guarded.get("/api/stream").status_code == 401


def test_the_log_says_who(guarded: Client, tokens: dict[str, str], twin: Twin) -> None:
    assert post(guarded, "/api/switching", SWITCH, tokens["read"]).status_code == 403
    assert twin.revision == 1
    assert post(guarded, "/api/switching", SWITCH, tokens["operate"]).status_code == 200
    assert list(twin.store.events())[-1].author == "operateer"


def test_a_scenario_says_who_made_it_and_who_went_on(guarded: Client, tokens: dict[str, str]) -> None:
    made = post(guarded, "/api/scenarios", {"name": "x"}, tokens["operate"]).json()
    path = f"/api/scenarios/{made['id']}"
    assert post(guarded, f"{path}/switching", SWITCH, tokens["read"]).status_code == 403
    assert post(guarded, f"{path}/switching", SWITCH, tokens["admin"]).status_code == 200
    whole = guarded.get(path, headers=bearer(tokens["read"])).json()
    assert (whole["author"], [step["author"] for step in whole["steps"]]) == ("operateer", ["adminer"])


def test_what_is_kept_for_one_is_not_given_to_another(
    twin: Twin, serve: Callable[..., Served], tokens: dict[str, str], tmp_path: Path
) -> None:
    """Over a real connection, where answers to the same address may be kept."""
    url = serve(twin, token_file=str(tmp_path / "tokens")).url
    cookie = {"Cookie": f"{COOKIE}={tokens['read']}"}
    for path in ("/tiles/grid/14/8601/5386.mvt", "/tiles/grid.json", "/api/network"):
        for allowed in (bearer(tokens["read"]), cookie, bearer(tokens["admin"])):
            assert httpx.get(url + path, headers=allowed).status_code in (200, 204)
            for refused in ({}, bearer("wrong"), {"Cookie": f"{COOKIE}=wrong"}):
                answer = httpx.get(url + path, headers=refused)
                assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    with httpx.stream("GET", f"{url}/api/stream", headers=cookie) as stream:
        assert stream.status_code == 200
        assert next(stream.iter_lines()).startswith(("event: hello", "id:", ":", "retry"))


def test_only_an_admin_deletes_what_others_made(guarded: Client, tokens: dict[str, str]) -> None:
    made = [post(guarded, "/api/scenarios", {"name": "x"}, tokens[scope]).json() for scope in ("admin", "operate")]
    assert [each["author"] for each in made] == ["adminer", "operateer"]
    deleted = [
        guarded.request("DELETE", f"/api/scenarios/{each['id']}", headers=bearer(tokens["operate"])).status_code
        for each in made
    ]
    assert deleted == [403, 204]
    theirs = f"/api/scenarios/{made[0]['id']}"
    assert guarded.request("DELETE", theirs, headers=bearer(tokens["admin"])).status_code == 204


def test_what_is_answered_is_private(guarded: Client, tokens: dict[str, str], client: Client) -> None:
    for path in ("/api/network", "/tiles/grid/14/1/1.mvt", "/style.json"):
        answer = guarded.get(path, headers=bearer(tokens["read"]))
        assert answer.headers["cache-control"].startswith("private")
        assert "Authorization, Cookie" in answer.headers["vary"]
        assert "private" not in client.get(path).headers["cache-control"]


# --- signing in ---------------------------------------------------------------------------------------------------


def sign_in(client: Client, token: str, **headers: str) -> httpx.Response:
    return client.request("POST", "/signin", data={"token": token}, headers=headers)


def test_a_browser_signs_in_once(guarded: Client, tokens: dict[str, str]) -> None:
    assert "<form" in guarded.get("/signin").text
    refused = sign_in(guarded, "wrong")
    assert (refused.status_code, "not known here" in refused.text) == (401, True)
    assert "set-cookie" not in refused.headers
    answer = sign_in(guarded, tokens["operate"])
    assert (answer.status_code, answer.headers["location"]) == (303, "http://twin.test/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
    held = {"Cookie": f"{COOKIE}={tokens['operate']}"}
    assert guarded.get("/api/network", headers=held).status_code == 200
    own = {**held, "Origin": "http://twin.test"}
    assert guarded.post("/api/switching", SWITCH, headers=own).status_code == 200
    for origin in ("http://evil.example", "null", "http://twin.test:81"):
        assert guarded.post("/api/switching", SWITCH, headers={**held, "Origin": origin}).status_code == 403
    assert sign_in(guarded, tokens["read"], Origin="http://evil.example").status_code == 403
    out = guarded.request("POST", "/signout")
    assert out.status_code == 303 and "max-age=0" in out.headers["set-cookie"].lower()


def test_over_https_the_cookie_is_secure(twin: Twin, connect: Connect, tokens: dict[str, str], tmp_path: Path) -> None:
    client = connect(twin, token_file=str(tmp_path / "tokens"), public_url="https://grid.example")
    answer = sign_in(client, tokens["read"])
    assert "secure" in answer.headers["set-cookie"].lower() and answer.headers["location"] == "https://grid.example/"


def test_wrong_forms_are_refused(guarded: Client) -> None:
    assert guarded.post("/signin", {"token": "x"}).status_code == 415
    assert sign_in(guarded, "x" * 100_000).status_code == 413
    assert sign_in(guarded, "").status_code == 401


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer " + "x" * 9_000, "x", "Bearer é"])
def test_headers_that_are_no_token(guarded: Client, header: str) -> None:
    answer = guarded.get("/api/network", headers={"Authorization": header.encode()})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gridtwin"')
    assert "x" * 100 not in answer.text


# --- the file of tokens -----------------------------------------------------------------------------------------------


def test_the_file_holds_no_token_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    first = add_token(path, "ann", "read")
    assert first not in path.read_text() and os.stat(path).st_mode & 0o777 == 0o600
    file = TokenFile(path)
    assert file.identify("other") is None
    second = add_token(path, "bob", "admin", "2000-01-01")
    third = add_token(path, "eve", "operate", (datetime.now(UTC) + timedelta(days=1)).isoformat())
    found = file.identify(third)
    assert found is not None and (found.name, found.scope) == ("eve", "operate")
    with pytest.raises(PermissionError, match="ended on 2000-01-01"):
        file.identify(second)
    path.write_text("# all gone\n")
    assert file.identify(first) is None


def test_a_file_that_breaks_while_serving_lets_nobody_in(
    guarded: Client, tokens: dict[str, str], tmp_path: Path
) -> None:
    path, header = tmp_path / "tokens", bearer(tokens["admin"])
    whole = path.read_text()
    assert guarded.get("/api/network", headers=header).status_code == 200
    for broken in (whole + "half a line", None):
        path.unlink() if broken is None else path.write_text(broken)
        answer = guarded.get("/api/network", headers=header)
        assert answer.status_code == 401 and "administrator has to mend" in answer.text
        assert str(tmp_path) not in answer.text
    path.write_text(whole)
    assert guarded.get("/api/network", headers=header).status_code == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann read", "line 1: 2 words"),
        ("\nann boss " + "0" * 64, "line 2: scope 'boss' is none of read, operate, admin"),
        ("ann read xyz", "is no SHA-256"),
        ("ann read " + "0" * 64 + " soon", "'soon' is no date"),
    ],
)
def test_a_broken_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(AccessError, match=said):
        TokenFile(tmp_path / "tokens")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be read"):
        TokenFile(tmp_path / "nothing")
    with pytest.raises(AccessError, match="words"):
        add_token(tmp_path / "tokens", "two words", "read")


# --- open streams ---------------------------------------------------------------------------------------------------


def told_until_the_end(served: Served, token: str, then: Callable[[], None], at: str = "event: hello") -> str:
    """All that a stream tells which ends by itself. then: called at each such line."""
    told = ""
    with httpx.stream("GET", f"{served.url}/api/stream", headers=bearer(token)) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            told += line + "\n"
            if line == at:
                then()
    return told


def without_line(path: Path, name: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(name)))


@pytest.mark.parametrize("silence", [False, True])
def test_a_stream_ends_with_the_line_of_its_token(
    twin: Twin,
    serve: Callable[..., Served],
    tokens: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    silence: bool,
) -> None:
    monkeypatch.setattr("web.stream.ASKED_EVERY_S", 0.0)
    served = serve(twin, token_file=str(tmp_path / "tokens"), keep_alive_s=0.2 if silence else 60.0)
    gone, following = threading.Event(), Subscriber.next

    async def once_it_is_gone(self: Subscriber, patience_s: float) -> bytes | None:
        while not gone.is_set():
            await asyncio.sleep(0.01)
        return await following(self, patience_s)

    monkeypatch.setattr(Subscriber, "next", once_it_is_gone)

    def end() -> None:
        without_line(tmp_path / "tokens", "reader")
        gone.set()
        if not silence:
            twin.switch([Operation("SW1", True)])

    told = told_until_the_end(served, tokens["read"], end)
    assert "event: revision" not in told and "keep-alive" not in told
    assert httpx.get(f"{served.url}/api/network", headers=bearer(tokens["operate"])).status_code == 200


def test_a_stream_goes_on_as_long_as_its_token_is_good(
    twin: Twin, serve: Callable[..., Served], tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.stream.ASKED_EVERY_S", 0.0)
    served = serve(twin, token_file=str(tmp_path / "tokens"), keep_alive_s=0.1)
    with httpx.stream("GET", f"{served.url}/api/stream", headers=bearer(tokens["read"])) as stream:
        lines = stream.iter_lines()
        for wanted in ("event: hello", ": keep-alive", ": keep-alive"):
            assert any(line == wanted for line in lines)
        without_line(tmp_path / "tokens", "adminer")  # another's
        twin.switch([Operation("SW1", True)])
        assert any(line == "event: revision" for line in lines)


# --- signed tokens --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rsa() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ed() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def signed(twin: Twin, connect: Connect, tmp_path: Path, rsa: RSAPrivateKey, ed: Ed25519PrivateKey) -> Client:
    keys = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa.public_key())), "kid": "r", "alg": "RS256"},
        {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ed.public_key())), "kid": "e", "alg": "EdDSA"},
    ]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": keys}))
    return connect(twin, jwt_keys=str(path), jwt_audience=AUDIENCE, jwt_issuer=ISSUER)


def claims(**other: object) -> dict[str, object]:
    given = {"sub": "ann", "aud": AUDIENCE, "iss": ISSUER, "exp": datetime.now(UTC) + timedelta(hours=1)}
    return {name: value for name, value in {**given, "scope": "openid operate", **other}.items() if value is not None}


def test_signed_tokens_are_accepted(signed: Client, twin: Twin, rsa: RSAPrivateKey, ed: Ed25519PrivateKey) -> None:
    by_rsa = jwt.encode(claims(), rsa, "RS256", {"kid": "r"})
    by_ed = jwt.encode(claims(scope="read"), ed, "EdDSA", {"kid": "e"})
    assert post(signed, "/api/switching", SWITCH, by_ed).status_code == 403
    assert signed.get("/api/network", headers=bearer(by_ed)).status_code == 200
    assert post(signed, "/api/switching", SWITCH, by_rsa).status_code == 200
    assert list(twin.store.events())[-1].author == "ann"


def test_a_stream_ends_when_its_signed_token_expires(
    twin: Twin,
    serve: Callable[..., Served],
    signed: Client,
    ed: Ed25519PrivateKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.signed_tokens.LEEWAY_S", 0)
    monkeypatch.setattr("web.stream.ASKED_EVERY_S", 0.0)
    keys = signed.app.state.context.settings.jwt_keys
    served = serve(twin, jwt_keys=keys, jwt_audience=AUDIENCE, jwt_issuer=ISSUER, keep_alive_s=0.2)
    token = jwt.encode(claims(scope="read"), ed, "EdDSA", {"kid": "e"})

    def two_hours_pass() -> None:
        monkeypatch.setattr("web.signed_tokens.LEEWAY_S", -7_200)

    assert ": keep-alive" in told_until_the_end(served, token, two_hours_pass, ": keep-alive")
    assert httpx.get(f"{served.url}/api/stream", headers=bearer(token)).status_code == 401


Forge = Callable[[RSAPrivateKey], str]


def _tampered(key: RSAPrivateKey) -> str:
    head, body, signature = jwt.encode(claims(scope="read"), key, "RS256", {"kid": "r"}).split(".")
    other = jwt.encode(claims(scope="admin"), "x" * 32, "HS256").split(".")[1]
    assert other != body
    return f"{head}.{other}.{signature}"


def _hmac_with_the_public_key(key: RSAPrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    secret = key.public_key().public_bytes(*form)
    head = jwt.utils.base64url_encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "r"}).encode())
    exp = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    body = jwt.utils.base64url_encode(json.dumps({**claims(scope="admin"), "exp": exp}, default=str).encode())
    signing = head + b"." + body
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return (signing + b"." + jwt.utils.base64url_encode(algorithm.sign(signing, secret))).decode()


def _with_a_key_of_its_own(_: RSAPrivateKey) -> str:
    """Headers that name a key to be trusted, of which none may be."""
    own = generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    header = {"kid": "r", "jwk": jwk, "jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}
    return jwt.encode(claims(scope="admin"), own, "RS256", header)


FORGED: dict[str, Forge] = {
    "expired": lambda key: jwt.encode(claims(exp=datetime.now(UTC) - timedelta(hours=1)), key, "RS256", {"kid": "r"}),
    "not yet": lambda key: jwt.encode(claims(nbf=datetime.now(UTC) + timedelta(hours=1)), key, "RS256", {"kid": "r"}),
    "audience": lambda key: jwt.encode(claims(aud="others"), key, "RS256", {"kid": "r"}),
    "issuer": lambda key: jwt.encode(claims(iss="https://evil.example"), key, "RS256", {"kid": "r"}),
    "without exp": lambda key: jwt.encode(claims(exp=None), key, "RS256", {"kid": "r"}),
    "without aud": lambda key: jwt.encode(claims(aud=None), key, "RS256", {"kid": "r"}),
    "without sub": lambda key: jwt.encode(claims(sub=None), key, "RS256", {"kid": "r"}),
    "without scope": lambda key: jwt.encode(claims(scope=None), key, "RS256", {"kid": "r"}),
    "none": lambda key: jwt.encode(claims(scope="admin"), None, "none", {"kid": "r"}),
    "tampered": _tampered,
    "HMAC with the public key": _hmac_with_the_public_key,
    "another key": lambda _: jwt.encode(claims(), generate_private_key(65537, 2048), "RS256", {"kid": "r"}),
    "unknown key": lambda key: jwt.encode(claims(), key, "RS256", {"kid": "x"}),
    "audience of many": lambda key: jwt.encode(claims(aud=["others", "more"]), key, "RS256", {"kid": "r"}),
    "scope of none": lambda key: jwt.encode(claims(scope="openid superuser"), key, "RS256", {"kid": "r"}),
    "another algorithm": lambda key: jwt.encode(claims(scope="admin"), key, "PS256", {"kid": "r"}),
    "the other key's id": lambda key: jwt.encode(claims(scope="admin"), key, "RS256", {"kid": "e"}),
    "no key's id": lambda key: jwt.encode(claims(scope="admin"), key, "RS256"),
    "a key of its own": _with_a_key_of_its_own,
    "an unknown extension": lambda key: jwt.encode(claims(), key, "RS256", {"kid": "r", "crit": ["x"], "x": 1}),
    "no JWT": lambda _: "a.b.c",
    "empty parts": lambda _: "..",
}


@pytest.mark.parametrize("kind", FORGED)
def test_forged_tokens_are_refused(signed: Client, rsa: RSAPrivateKey, kind: str) -> None:
    answer = post(signed, "/api/switching", SWITCH, FORGED[kind](rsa))
    assert answer.status_code == 401, answer.text


def test_a_key_set_that_is_none(twin: Twin, connect: Connect, tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "??"}]}'):
        (tmp_path / "keys").write_text(text)
        with pytest.raises(AccessError, match="cannot be used"):
            connect(twin, jwt_keys=str(tmp_path / "keys"), jwt_audience="a", jwt_issuer="b")


def test_a_key_set_with_a_shared_secret_is_refused(twin: Twin, connect: Connect, tmp_path: Path) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U", "kid": "s", "alg": "HS256"}
    (tmp_path / "keys").write_text(json.dumps({"keys": [secret]}))
    with pytest.raises(AccessError, match="key s is for HS256; use public keys"):
        connect(twin, jwt_keys=str(tmp_path / "keys"), jwt_audience="a", jwt_issuer="b")


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "grid.example"])
def test_nobody_listens_beyond_this_machine_without_access_control(host: str) -> None:
    with pytest.raises(SettingsError, match="reaches beyond this machine"):
        Settings(host=host)
    assert Settings(host=host, insecure=True).host == Settings(host=host, token_file="tokens").host == host


def test_signed_tokens_need_to_be_for_us() -> None:
    with pytest.raises(SettingsError, match="jwt_audience"):
        Settings(jwt_keys="keys", jwt_issuer=ISSUER)


# --- pages of other sites -------------------------------------------------------------------------------------------


def test_pages_of_other_sites_read_only_where_they_may(twin: Twin, connect: Connect) -> None:
    closed, some, anyone = (connect(twin, cors_origins=o) for o in ((), ("https://maps.example",), ("*",)))
    theirs = {"Origin": "https://maps.example"}
    allow = "access-control-allow-origin"
    for path in ("/tiles/grid.json", "/api/network"):
        assert allow not in closed.get(path, headers=theirs).headers
        assert some.get(path, headers=theirs).headers[allow] == "https://maps.example"
        assert allow not in some.get(path, headers={"Origin": "https://evil.example"}).headers
        assert "Origin" in some.get(path).headers["vary"]
        assert anyone.get(path, headers=theirs).headers[allow] == "*"
    for client in (closed, some, anyone):
        assert allow not in client.post("/api/switching", {"normal": True}, headers=theirs).headers
    asking = {**theirs, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    assert some.request("OPTIONS", "/api/network", headers=asking).status_code == 204
    writing = {**theirs, "Access-Control-Request-Method": "POST"}
    for client in (closed, some, anyone):
        assert allow not in client.request("OPTIONS", "/api/switching", headers=writing).headers or client is not closed
        assert client.request("OPTIONS", "/api/switching", headers=writing).status_code == 405
    for wrong in ("maps.example", "https://maps.example/", "ftp://x"):
        with pytest.raises(SettingsError, match="cors_origins"):
            Settings(cors_origins=(wrong,))


# --- the command line -----------------------------------------------------------------------------------------------


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gridtwin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command; gives the exit code and what it wrote to its two streams."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridtwin", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_a_token_is_made_and_shown_once(tmp_path: Path, gridtwin: Run) -> None:
    path = tmp_path / "tokens"
    code, token, said = gridtwin("token", path, "--name", "ann", "--scope", "operate", "--until", "2099-01-01")
    assert code == 0 and "cannot be shown again" in said
    found = TokenFile(path).identify(token.strip())
    assert found is not None and (found.name, found.scope) == ("ann", "operate")
    code, _, said = gridtwin("token", path, "--name", "ann", "--scope", "boss")
    assert (code, "'boss' is none of read, operate, admin" in said) == (2, True)


def test_a_first_token_is_made_once(tmp_path: Path, gridtwin: Run) -> None:
    path = tmp_path / "tokens"
    path.write_text("# nobody yet\n")
    words = ("token", path, "--name", "ann", "--scope", "admin", "--first")
    code, token, _ = gridtwin(*words)
    assert code == 0 and TokenFile(path).identify(token.strip()) is not None
    before = path.read_text()
    code, token, said = gridtwin(*words)
    assert (code, token, "holds tokens already" in said, path.read_text()) == (0, "", True, before)
    path.write_text("half a")
    assert gridtwin(*words)[0] == 2 and path.read_text() == "half a"


def test_serving_beyond_this_machine_is_refused(tmp_path: Path, gridtwin: Run) -> None:
    code, _, said = gridtwin("serve", tmp_path / "grid.gpkg", "--host", "0.0.0.0")
    assert (code, "reaches beyond this machine" in said) == (2, True)


def test_the_log_says_who_loaded_and_switched(tmp_path: Path, gridtwin: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    store = tmp_path / "town.gpkg"
    assert gridtwin("generate", "--meters", 50, "--store", store)[0] == 0
    assert gridtwin("generate", "--meters", 60, "--store", store, "--author", "bob")[0] == 0
    for author in ((), ("--author", "eve")):
        assert gridtwin("switch", store, "normal", *author)[0] == 0
    events = json.loads(gridtwin("history", store, "--json")[1])["events"]
    assert [event["author"] for event in events] == ["ann", "bob", "ann", "eve"]
    code, _, said = gridtwin("generate", "--meters", 70, "--store", store, "--if-empty")
    assert (code, "left as it is" in said) == (0, True)
    assert gridtwin("load", tmp_path / "nothing", "--store", store, "--if-empty")[0] == 0
    assert len(json.loads(gridtwin("history", store, "--json")[1])["events"]) == 4


def test_a_user_without_a_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert login_name() == ""
