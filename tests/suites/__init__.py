"""Run other projects' own test suites, unmodified, on several storages side by side."""
