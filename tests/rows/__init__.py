"""The table of operations: one row each, one file a family; tests/test_operations.py turns every row into tests."""
