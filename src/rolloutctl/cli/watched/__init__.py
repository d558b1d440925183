"""How an unattended driver is watched: figures and health over HTTP on loopback, and its supervisor."""
