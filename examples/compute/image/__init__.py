"""The image service, a service of its own, and the client that compute has for it."""
