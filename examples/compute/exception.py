"""What can go wrong. These exceptions travel over RPC, so they are built from a message alone."""


class ComputeException(Exception):
    """Base of the service's own exceptions."""

    #: Status of the API's answer.
    code = 500


class InstanceNotFound(ComputeException):
    code = 404


class ImageNotFound(ComputeException):
    code = 400


class InvalidRequest(ComputeException):
    code = 400


class NoValidHost(ComputeException):
    code = 500


class BuildFailed(ComputeException):
    code = 500
