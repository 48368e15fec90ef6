"""Ways to run chunks: one after the other in this process (`here`), or in one process a device (`workers`).

Each takes orders and gives back what became of them, in any order. The driver alone keeps the journal and the lock.
"""
