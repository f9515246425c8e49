"""`axio doctor`: how the machine, the terminal and the configuration are, and what to do.

A check is a function that gives `Finding`s; `axio_tui.doctor.checks` has the table of them, and
`examine` does them all at the same time. Nothing is changed by looking.
"""
