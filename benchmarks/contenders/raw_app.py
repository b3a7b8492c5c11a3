"""No framework: what the work itself costs, written by hand for ASGI and for RSGI."""

import msgspec
import pydantic

from benchmarks.contenders.models import CHUNK, CHUNKS, EVENTS, HEADERS, Item, PydanticItem, items, pydantic_items
from benchmarks.contenders.sessions import MAX_AGE, sign, unsign

MOST_ROUTES = 10_000

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode
decode_item = msgspec.json.Decoder(Item).decode
pydantic_item = pydantic.TypeAdapter(PydanticItem)
pydantic_list = pydantic.TypeAdapter(list[PydanticItem])

JSON = [(b"content-type", b"application/json")]
TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
EVENT_STREAM = [(b"content-type", b"text/event-stream")]
KEYS = [name.encode() for name in HEADERS]


async def settings():
    return 1


async def connection(settings):
    return settings + 1


async def session(connection, settings):
    return connection + settings


async def read(receive):
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def lifespan(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def asgi(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    if scope["type"] != "http":
        await lifespan(receive, send)
        return
    path, head, status = scope["path"], JSON, 200
    if path == "/plaintext":
        body, head = b"Hello, World!", TEXT
    elif path == "/json":
        body = encode({"message": "Hello, World!"})
    elif path.startswith("/users/"):
        query = dict([pair.split(b"=", 1) for pair in scope["query_string"].split(b"&")])
        body = encode({"user_id": int(path[7:]), "verbose": query.get(b"verbose") == b"true", "page": int(query.get(b"page", 2))})
    elif path == "/dependencies":
        one = await settings()
        two = await connection(one)
        body = encode({"sum": await session(two, one) + two + one})
    elif path == "/items":
        body, status = encode(decode_item(await read(receive))), 201
    elif path == "/pydantic":
        body, status = pydantic_item.dump_json(pydantic_item.validate_json(await read(receive))), 201
    elif path == "/headers":
        found = dict(scope["headers"])
        body = encode([found[key].decode("latin-1") for key in KEYS])
    elif path == "/cookies":
        cookies = dict(pair.split("=", 1) for pair in dict(scope["headers"])[b"cookie"].decode("latin-1").split("; "))
        body = encode({"theme": cookies["theme"]})
    elif path == "/list":
        body = encode(items)
    elif path == "/list-pydantic":
        body = pydantic_list.dump_json(pydantic_items)
    elif path == "/session":
        cookie = dict(scope["headers"]).get(b"cookie")
        found = unsign(cookie and cookie.partition(b"=")[2].decode("latin-1"))
        found["visits"] = found.get("visits", 0) + 1
        body = encode(found)
        head = [*JSON, (b"set-cookie", f"session={sign(found)}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=lax".encode())]
    elif path == "/documents":
        body, status = encode(decode(await read(receive))), 201
    elif path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for _ in range(CHUNKS):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    elif path == "/events":
        await send({"type": "http.response.start", "status": 200, "headers": EVENT_STREAM})
        for number in range(EVENTS):
            event = b"id: %d\ndata: %b\n\n" % (number, encode({"number": number}))
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    elif path.startswith("/route-"):
        body = encode({"item_id": int(path[path.rindex("/") + 1 :])})
    else:
        body, status = b"{}", 404
    await send({"type": "http.response.start", "status": status, "headers": [*head, (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class RSGI:
    async def __rsgi__(self, scope, protocol):
        if scope.proto == "ws":
            socket = await protocol.accept()
            while (message := await socket.receive()).kind:
                await socket.send_str(message.data)
            return
        path, status = scope.path, 200
        if path == "/plaintext":
            protocol.response_str(200, [("content-type", "text/plain; charset=utf-8")], "Hello, World!")
            return
        if path == "/json":
            body = encode({"message": "Hello, World!"})
        elif path.startswith("/users/"):
            query = dict([pair.split("=", 1) for pair in scope.query_string.split("&")])
            body = encode({"user_id": int(path[7:]), "verbose": query.get("verbose") == "true", "page": int(query.get("page", 2))})
        elif path == "/dependencies":
            one = await settings()
            two = await connection(one)
            body = encode({"sum": await session(two, one) + two + one})
        elif path == "/items":
            body, status = encode(decode_item(await protocol())), 201
        elif path == "/documents":
            body, status = encode(decode(await protocol())), 201
        elif path == "/list":
            body = encode(items)
        elif path == "/stream":
            stream = protocol.response_stream(200, [("content-type", "application/octet-stream")])
            for _ in range(CHUNKS):
                await stream.send_bytes(CHUNK)
            return
        elif path == "/events":
            stream = protocol.response_stream(200, [("content-type", "text/event-stream")])
            for number in range(EVENTS):
                await stream.send_bytes(b"id: %d\ndata: %b\n\n" % (number, encode({"number": number})))
            return
        else:
            body, status = b"{}", 404
        protocol.response_bytes(status, [("content-type", "application/json")], body)


def wsgi(environ, start_response):
    path, kind, status = environ["PATH_INFO"], "application/json", "200 OK"
    if path == "/plaintext":
        body, kind = b"Hello, World!", "text/plain; charset=utf-8"
    elif path == "/json":
        body = encode({"message": "Hello, World!"})
    elif path.startswith("/users/"):
        query = dict([pair.split("=", 1) for pair in environ["QUERY_STRING"].split("&")])
        body = encode({"user_id": int(path[7:]), "verbose": query.get("verbose") == "true", "page": int(query.get("page", 2))})
    elif path == "/items":
        body, status = encode(decode_item(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))), "201 Created"
    else:
        body, status = b"{}", "404 Not Found"
    start_response(status, [("content-type", kind), ("content-length", str(len(body)))])
    return [body]


APPLICATIONS = {**dict.fromkeys(("basic", "routes", "middleware", "plugins", "session"), lambda size: asgi), "wsgi": lambda size: wsgi}

app = asgi
rsgi = RSGI()
