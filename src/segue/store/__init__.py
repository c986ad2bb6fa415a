"""The one database: its tables (``schema``) and how it is opened and migrated (``database``)."""

from segue.store.database import Database

__all__ = ["Database"]
