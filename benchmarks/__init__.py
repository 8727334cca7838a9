"""What tracing costs, beside its peers: ``python -m benchmarks`` (``make bench``).

How it is measured:

- Each contender of a case runs in a process of its own, because peers keep global state. The processes are
  started together and measured in turns, one repetition each, so that a change in the machine's load meets
  all of them; where CPU time is measured they are started anew several times.
- A figure is the minimum over the repetitions, except where the worst one counts (losses, growth).
- Costs are CPU time, not elapsed time: of the calling thread (``time.thread_time``), or of all threads of
  the process, export included (``time.process_time``). The receiver is another process.
- The garbage collector runs as it does in a service; it is neither switched off nor tuned.
- What is added to an application is the difference of two minima from the same process: with and without.
"""
