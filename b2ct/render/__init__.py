"""Kickstart and preseed text from a site, validated."""
