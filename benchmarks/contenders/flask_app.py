"""Flask, on WSGI."""

import msgspec
from flask import Flask, Response, abort, request

from benchmarks.contenders.models import Item


def wsgi(size):
    app = Flask(__name__)
    decode_item = msgspec.json.Decoder(Item).decode

    @app.get("/plaintext")
    def plaintext():
        return Response("Hello, World!", mimetype="text/plain")

    @app.get("/json")
    def message():
        return {"message": "Hello, World!"}

    @app.get("/users/<int:user_id>")
    def user(user_id):
        try:
            page = int(request.args.get("page", 2))
        except ValueError:
            abort(422)
        return {"user_id": user_id, "verbose": request.args.get("verbose") == "true", "page": page}

    @app.post("/items")
    def add():
        try:
            item = decode_item(request.get_data())
        except msgspec.DecodeError as error:
            abort(422, str(error))
        return Response(msgspec.json.encode(item), 201, mimetype="application/json")

    return app


APPLICATIONS = {"wsgi": wsgi}
