"""An application with everything that a document has to describe, split by idea. `app.py` puts it together."""
