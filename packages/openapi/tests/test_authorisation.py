"""OAuth 2.0 in Swagger UI: an authorisation server of another origin, the code flow with PKCE, and requests with the token."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Annotated
from urllib.parse import parse_qs, urlencode

from browsing import opened_page, served

from velo_core import Body, Depends, Header, HTMLResponse, HTTPError, OpenAPIContribution, Query, Response, Velo
from velo_openapi import OpenAPI

ALLOWED = {"access-control-allow-origin": "*", "access-control-allow-headers": "authorization, content-type, x-requested-with"}


class AuthorisationServer:
    """Asks nobody for a password, and is otherwise strict (RFC 6749, RFC 7636)."""

    def __init__(self) -> None:
        self.app = Velo()
        self.codes: dict[str, tuple[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.redirects: list[str] = []
        self.app.get("/authorize")(self.authorize)
        self.app.post("/token")(self.token)
        self.app.route("/token", methods=("OPTIONS",))(self.preflight)

    async def authorize(
        self,
        client_id: str,
        redirect_uri: str,
        response_type: str,
        state: str,
        code_challenge: str,
        code_challenge_method: str,
        scope: Annotated[str, Query()] = "",
    ) -> HTMLResponse:
        if (client_id, response_type, code_challenge_method) != ("docs", "code", "S256"):
            raise HTTPError(400)
        self.redirects.append(redirect_uri)
        code = secrets.token_urlsafe()
        self.codes[code] = code_challenge, scope
        back = f"{redirect_uri}?{urlencode({'code': code, 'state': state})}".replace("&", "&amp;")
        return HTMLResponse(f'<!doctype html><link rel="icon" href="data:,"><a href="{back}">Let the documentation in</a>')

    async def preflight(self) -> Response:
        return Response(b"", 204, ALLOWED)

    async def token(self, body: Annotated[bytes, Body()]) -> Response:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        challenge, scope = self.codes.pop(form["code"])
        verified = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if (form["grant_type"], form["redirect_uri"], verified) != ("authorization_code", self.redirects[-1], challenge):
            return Response(b'{"error": "invalid_grant"}', 400, ALLOWED, "application/json")
        token = secrets.token_urlsafe()
        self.tokens[token] = scope
        return Response(f'{{"access_token": "{token}", "token_type": "Bearer"}}'.encode(), 200, ALLOWED, "application/json")


class Guard:
    """Lets in who has a token."""

    def __init__(self, server: AuthorisationServer, origin: str) -> None:
        self.server = server
        flow = {"authorizationUrl": f"{origin}/authorize", "tokenUrl": f"{origin}/token", "scopes": {"read": "See what there is."}}
        self.openapi = OpenAPIContribution(
            security=({"login": ("read",)},),
            components={"securitySchemes": {"login": {"type": "oauth2", "flows": {"authorizationCode": flow}}}},
        )

    async def __call__(self, authorization: Annotated[str | None, Header()] = None) -> None:
        if (authorization or "").removeprefix("Bearer ") not in self.server.tokens:
            raise HTTPError(401, headers={"www-authenticate": "Bearer"})


def test_swagger_ui_gets_a_token_and_sends_it() -> None:
    server = AuthorisationServer()
    with served(server.app) as origin:
        app, outer = Velo(), Velo()
        oauth2 = {"clientId": "docs", "usePkceWithAuthorizationCodeGrant": True}
        app.install(OpenAPI(swagger_ui="/docs", oauth2=oauth2, connect=[origin]))

        @app.get("/secret", dependencies=[Depends(Guard(server, origin))])
        async def secret() -> dict[str, str]:
            """Tells a secret."""
            return {"secret": "more salt"}

        outer.mount("/v1", app)
        with served(outer) as ours, opened_page() as (page, wrong):
            page.goto(f"{ours}/v1/docs")
            page.get_by_role("button", name="Authorize").first.click()
            dialog = page.locator(".dialog-ux")
            dialog.locator("label[for^='read-']").first.click()
            with page.context.expect_page() as opened:
                dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
            with opened.value.expect_event("close"):
                opened.value.get_by_role("link", name="Let the documentation in").click()
            dialog.get_by_role("button", name="Remove authorization").wait_for()
            dialog.get_by_role("button", name="Close").last.click()
            page.get_by_text("Tells a secret.").click()
            page.get_by_role("button", name="Try it out").click()
            with page.expect_request("**/v1/secret") as sent:
                page.get_by_role("button", name="Execute").click()
            answer = page.locator(".live-responses-table")
            answer.get_by_text("more salt").wait_for()

            (token,) = server.tokens
            assert server.tokens[token] == "read"
            assert server.redirects == [f"{ours}/v1/docs/oauth2-redirect"]
            assert sent.value.all_headers()["authorization"] == f"Bearer {token}"
            assert wrong == []
