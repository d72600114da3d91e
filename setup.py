"""Build entry point; everything about the distribution stands in setup.cfg."""

from setuptools import setup

setup()
