"""The conductor: sees a request through, from the choice of a node to the result."""
