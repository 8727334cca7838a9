"""End to end: the example on a real RabbitMQ and MariaDB, its traces in a real Jaeger."""
