"""Events and results to text: live table, plain lines, tables, errors. Everything shown goes through `clean`."""
