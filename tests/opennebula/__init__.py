"""The tests' own OpenNebula packages, where no real repository is reached (README.md)."""
