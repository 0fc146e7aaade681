"""The command line: one file a verb, each a pure action plus its arguments."""
