"""Follows logs that Zeek writes, in the place of a Zeek that tells of candidates itself."""
