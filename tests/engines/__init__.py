"""Engines that tests start by themselves, on free ports of 127.0.0.1, and stop again."""
