"""Files that come with the package."""

from pathlib import Path

from drmbids.data.tools.exceptions import DataError

_PACKAGE = Path(__file__).resolve().parents[2]

# A wheel carries the folder `data` of the repository as `drmbids/_data`; a checkout (an editable
# install) has the folder itself, beside the package.
_DATA_FOLDERS = (_PACKAGE / "_data", _PACKAGE.parent / "data")


def demo_dataset() -> Path:
    """Return the BIDS dataset that comes with the package, for demonstrations and examples.

    Returns
    -------
    Path
        Its root folder, the one with ``dataset_description.json``. Read only: it may lie where
        the user cannot write.

    Raises
    ------
    DataError
        If the installation lacks it.
    """
    for folder in _DATA_FOLDERS:
        found = sorted(folder.glob("*/dataset_description.json"))
        if found:
            return found[0].parent
    raise DataError(
        f"no demonstration dataset in {' or '.join(map(str, _DATA_FOLDERS))}; "
        "install drmbids again, or give the path of a BIDS dataset"
    )
