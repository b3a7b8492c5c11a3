"""Falcon, in its compiled build, with msgspec as its media handler as its documentation shows."""

import falcon
import falcon.asgi
import falcon.media
import msgspec
import pydantic
from falcon.asgi import SSEvent

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, HEADERS, Item, PydanticItem, items, pydantic_items
from benchmarks.contenders.sessions import MAX_AGE, sign, unsign

MOST_ROUTES = 10_000


class Plaintext:
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = "Hello, World!"


class Message:
    async def on_get(self, request, response):
        response.media = {"message": "Hello, World!"}


class User:
    async def on_get(self, request, response, user_id):
        verbose = request.get_param_as_bool("verbose") or False
        response.media = {"user_id": user_id, "verbose": verbose, "page": request.get_param_as_int("page", min_value=1) or 2}


class Items:
    async def on_post(self, request, response):
        try:
            response.media = msgspec.convert(await request.get_media(), Item)
        except msgspec.ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from error
        response.status = 201


class PydanticItems:
    async def on_post(self, request, response):
        try:
            response.media = PydanticItem.model_validate(await request.get_media()).model_dump()
        except pydantic.ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from error
        response.status = 201


class Headers:
    async def on_get(self, request, response):
        response.media = [request.get_header(name) for name in HEADERS]


class Cookies:
    async def on_get(self, request, response):
        response.media = {"theme": request.get_cookie_values("theme")[0]}


class Listed:
    async def on_get(self, request, response):
        response.media = items


class ListedPydantic:
    async def on_get(self, request, response):
        response.media = [item.model_dump() for item in pydantic_items]


class Events:
    async def on_get(self, request, response):
        async def events():
            for number in range(EVENTS):
                yield SSEvent(json={"number": number}, event_id=str(number))

        response.sse = events()


class Echo:
    async def on_websocket(self, request, socket):
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except falcon.WebSocketDisconnected:
            pass


class Session:
    async def on_get(self, request, response):
        session = unsign((request.get_cookie_values("session") or [None])[0])
        session["visits"] = session.get("visits", 0) + 1
        response.set_cookie("session", sign(session), max_age=MAX_AGE, path="/", same_site="Lax")
        response.media = session


class Documents:
    async def on_post(self, request, response):
        response.media = await request.get_media()
        response.status = 201


class Stream:
    async def on_get(self, request, response):
        async def chunks():
            for _ in range(CHUNKS):
                yield CHUNK

        response.stream = chunks()


class Route:
    async def on_get(self, request, response, item_id):
        response.media = {"item_id": item_id}


class Around:
    async def process_request(self, request, response):
        pass

    async def process_response(self, request, response, resource, req_succeeded):
        pass


def application(routes, middleware=()):
    app = falcon.asgi.App(middleware=list(middleware))
    handler = falcon.media.JSONHandler(dumps=msgspec.json.encode, loads=msgspec.json.decode)
    for options in (app.req_options, app.resp_options):
        options.media_handlers["application/json"] = handler
    for path, resource in routes:
        app.add_route(path, resource)
    return app


def basic(size):
    return application(
        [
            ("/plaintext", Plaintext()),
            ("/json", Message()),
            ("/users/{user_id:int}", User()),
            ("/items", Items()),
            ("/pydantic", PydanticItems()),
            ("/headers", Headers()),
            ("/cookies", Cookies()),
            ("/list", Listed()),
            ("/documents", Documents()),
            ("/stream", Stream()),
            ("/list-pydantic", ListedPydantic()),
            ("/events", Events()),
            ("/echo", Echo()),
        ]
    )


def routes(size):
    return application([(f"/route-{number}/{{item_id:int}}", Route()) for number in range(size)])


def middleware(size):
    return application([("/json", Message())], [Around() for _ in range(size)])


def session(size):
    return application([("/session", Session())])


class SyncPlaintext:
    def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = "Hello, World!"


class SyncMessage:
    def on_get(self, request, response):
        response.media = {"message": "Hello, World!"}


class SyncUser:
    def on_get(self, request, response, user_id):
        verbose = request.get_param_as_bool("verbose") or False
        response.media = {"user_id": user_id, "verbose": verbose, "page": request.get_param_as_int("page", min_value=1) or 2}


class SyncItems:
    def on_post(self, request, response):
        try:
            response.media = msgspec.convert(request.get_media(), Item)
        except msgspec.ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from error
        response.status = 201


def wsgi(size):
    app = falcon.App()
    handler = falcon.media.JSONHandler(dumps=msgspec.json.encode, loads=msgspec.json.decode)
    for options in (app.req_options, app.resp_options):
        options.media_handlers["application/json"] = handler
    app.add_route("/plaintext", SyncPlaintext())
    app.add_route("/json", SyncMessage())
    app.add_route("/users/{user_id:int}", SyncUser())
    app.add_route("/items", SyncItems())
    return app


APPLICATIONS = {"basic": basic, "routes": routes, "middleware": middleware, "session": session, "wsgi": wsgi}

app = basic(0)
