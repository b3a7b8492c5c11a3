"""Velo beside its peers: named scenarios, in process and through servers. See README.md."""
