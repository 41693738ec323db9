"""The command line: parse, call, render; no decisions. Importing this package imports no command."""
