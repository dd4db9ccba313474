"""Remarks of a plan: text for the startup log that also says, for a check, what it is about."""


class Note(str):
    """A sentence for the startup log, with the code, place and repair that a `Problem` would have.

    An empty ``code`` marks what is only told at startup and is nothing to repair.
    """

    code: str
    where: str
    repair: str

    def __new__(cls, text: str, code: str = "", where: str = "", repair: str = "") -> "Note":
        """Return the text itself, with its properties."""
        note = super().__new__(cls, text)
        note.code, note.where, note.repair = code, where, repair
        return note
