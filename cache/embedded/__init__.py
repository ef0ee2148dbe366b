"""The private Valkey of `page-inbox run` and of the tests."""
