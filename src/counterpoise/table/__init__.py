"""Tables: read from anywhere, with the roles and types of their columns checked."""

from counterpoise.table.read import read
from counterpoise.table.table import ROLES, Roles, Table

__all__ = ["ROLES", "Roles", "Table", "read"]
