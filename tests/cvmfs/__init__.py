"""CernVM-FS packages of the tests' own."""
