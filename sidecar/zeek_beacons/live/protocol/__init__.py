"""The wire contract without I/O: messages, frames, codec, and the session of one sidecar with one Zeek."""
