"""Applications of other kinds below a path of this one.

place            where such an application is, and what it is told of that
asgi             ASGI applications: called directly on ASGI, and through a bridge everywhere else
asgi_websocket   their websockets
wsgi             WSGI applications: called in the thread pool
lifespan         the lifespan of an ASGI application, in a task of its own
mount            what is registered, and the route that is made of it
"""

from velo_core.mounting.mount import Mount

__all__ = ["Mount"]
