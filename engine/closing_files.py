"""The files of one person in PHR_HOME: documents as other houses sent them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from engine.contract.ids import is_id
from engine.whole_files import sync_names

FOLDERS: Final = ("originals",)


def remove(home: Path, resident: str) -> int:
    """Removes every file of a resident below `home`, the names safe off the disk; how many files.

    Raises ValueError for what is no resident's id: a folder is never made of anything else.
    """
    if not is_id(resident, "r"):
        raise ValueError(f"{resident!r} is no resident's id")
    count = 0
    for name in FOLDERS:
        folder = home / name / resident
        if not folder.is_dir() or folder.is_symlink():
            continue
        count += sum(1 for path in folder.rglob("*") if path.is_file() or path.is_symlink())
        shutil.rmtree(folder)
        sync_names(folder.parent)
    return count
