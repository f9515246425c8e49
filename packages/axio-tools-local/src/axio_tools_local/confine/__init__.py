"""The way from this program to a command, in processes of its own.

`axio_tools_local.sandbox` decides what a command may do; the modules here make it so, with the
kernel's own means and nothing but the standard library:

    launch      the program: read the request, confine this process, become the command
    namespaces  a private view of processes, network and mounts, with everything read-only
    landlock    no change outside of some folders, no signal and no ptrace to the outside
    seccomp     system calls and socket families that are refused
    system      the C library's calls that Python has no name for
"""
