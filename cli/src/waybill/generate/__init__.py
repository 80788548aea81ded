"""Pages and documents made from the code: schemas, AsyncAPI, OpenAPI, the saga, state diagrams, service canvases.

Nothing here is written by hand twice: a signature, docstring, transition table or settings class is the source, and the
committed file is its rendering. `waybill generate --check` fails on a file that says something else than the code.
"""
