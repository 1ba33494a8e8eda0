"""What atheris feeds with whatever bytes it finds: see docs/developers/fuzzing.md."""
