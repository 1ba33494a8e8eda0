"""Each connection by itself: scan, recon, brute force, C2-like or normal. A second opinion beside the verdicts on
pairs, which it never changes; and hosts by what their connections come to.
"""
