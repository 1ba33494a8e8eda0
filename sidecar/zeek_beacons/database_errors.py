"""What a database raises that cannot be used.

Of a damaged one SQLite's own words may be no text, and it may ask for more memory than there is.
"""

import sqlite3

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
