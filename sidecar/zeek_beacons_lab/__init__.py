"""The laboratory: how the model is made and measured. Never part of what a sensor installs."""
