"""Protocol adapters: how each kind of server is read, called, written to and started with."""
