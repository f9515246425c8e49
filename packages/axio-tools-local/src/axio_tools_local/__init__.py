"""Tools that work on this machine. Each is a coroutine function in the module of its name.

The functions are not re-exported here: `axio_tools_local.shell` is the module, whose function
`shell` is the tool.
"""

__version__ = "1.0.0a1"
