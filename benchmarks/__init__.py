"""The cost of a run, measured against the barest Python that does the same work by hand.

python -m benchmarks            # all items
python -m benchmarks c d        # some of them
"""
