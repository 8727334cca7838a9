"""A real OpenStack on this machine: Keystone, Glance, Placement and Nova, with MariaDB and RabbitMQ.

``make lab-up``, ``make boot NAME=x`` and ``make lab-down`` run it by hand; the tests of this directory
bring it up themselves. Nothing of the services is changed: they are told by configuration what to do.
"""
