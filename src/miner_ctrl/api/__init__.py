"""The REST API: one ASGI application over the other rooms' faces, and the doors that serve it.

``application.build_app`` makes the application; ``local_door`` serves it over a Unix socket, ``loopback_door`` where
there are none. Imports nothing by itself: a command line that only asks loads none of it.
"""
