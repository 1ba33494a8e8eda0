"""The errors this package raises. Messages name the file, line or field, what was found and what was expected."""


class BeaconsError(Exception):
    """Root of all errors: what is wrong with the input, the model or the options, in one line."""


class InputError(BeaconsError):
    """A file cannot be read as what it claims to be.

    `path` is the file as the user named it, `line` its 1-based line where one is known.
    """

    def __init__(self, path: str, problem: str, line: int | None = None) -> None:
        self.path, self.problem, self.line = path, problem, line
        super().__init__(f"{path}:{line}: {problem}" if line is not None else f"{path}: {problem}")


class ConfigError(BeaconsError):
    """An option, environment variable or configuration file has an impossible value."""


class SettingError(ConfigError):
    """One setting has an impossible value. `setting`: its name, so that a message can say where the value came from."""

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        super().__init__(f"{setting} {problem}")


class ModelError(BeaconsError):
    """The model folder is incomplete, changed, or made for another version of the features."""


class OutputError(BeaconsError):
    """A result cannot be written; nothing was left half-written."""
