"""``serve.py NAME PORT MODULE``: serves MODULE's ``application``; one process, several threads."""

import importlib
import os
import signal
import sys

import waitress


def let_otlp_start_in_placement() -> None:
    """Placement has a ConfigOpts of its own, where nobody registers upstream's ``[profiler_otlp]``.

    The ``otlp://`` driver then fails there, in silence, and Placement is not traced.
    """
    from osprofiler import opts

    set_defaults = opts.set_defaults

    def and_otlp(conf, *args, **kwargs):
        conf.register_opts(opts._OTLP_OPTS, group="profiler_otlp")
        return set_defaults(conf, *args, **kwargs)

    opts.set_defaults = and_otlp


if __name__ == "__main__":
    name, port, module = sys.argv[1:]
    sys.argv = [name]  # which the services parse with oslo.config
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if os.environ.get("LAB_PLACEMENT_FIX") == "1":
        let_otlp_start_in_placement()
    application = importlib.import_module(module).application
    threads = int(os.environ.get("LAB_API_THREADS", "8"))
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=threads, ident=name)
