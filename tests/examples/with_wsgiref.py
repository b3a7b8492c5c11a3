"""Serves a module's application with the WSGI server of the standard library: `python -m tests.examples.with_wsgiref PORT MODULE`."""

import importlib
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.validate import validator


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    port, module = sys.argv[1:]
    app = validator(importlib.import_module(module).app.wsgi)
    make_server("127.0.0.1", int(port), app, server_class=Server, handler_class=Quiet).serve_forever()
