"""Parsers and formatters of what stands in a request target and in header fields.

Pure functions over `str`, standard library only. Each is linear in its input and bounded; what a peer sends never makes one raise
unless its documentation says so. The formatters raise `ValueError` instead of writing what could be read as something else.

Each is imported from its module: most applications read few of them.
"""
