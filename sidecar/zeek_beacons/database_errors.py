"""What a database raises that cannot be used: of a damaged one SQLite's own words may be no text."""

import sqlite3

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
