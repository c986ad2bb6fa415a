"""Other projects' models of choice, each in a script of its own that runs in an interpreter that has the project.

``exchange`` says what a peer is asked and what it answers: numbers only, so that both sides may have other versions
of everything. A script is run as ``PYTHON -m benchmarks.peers.NAME FOLDER`` from the root of this repository.
"""
