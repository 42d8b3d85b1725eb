"""Real mail servers on loopback, for `make run`, the tests and the benchmarks. Standard library only.

A server is an object with start() and stop(); start() returns when the server answers. What it writes
stays below the directory that it is given. As a program: `python3 scripts/backends --help`.
"""
