"""The ``openstack`` command reads traces back: ``openstack trace show``, ``list`` and ``diff``.

python-openstackclient finds the commands by their entry points. They are those of ``otel-bridge trace``, with
the same options and exit codes; no cloud is asked, so none need be configured.
"""
