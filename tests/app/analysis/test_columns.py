"""What is said of columns holds for voxels, vertices, grayordinates and parcels."""

from drmbids.app.analysis import columns


def test_targets_are_not_called_voxels() -> None:
    tables = [value for name, value in vars(columns).items() if name.isupper() and name[0] != "_"]
    texts = [column["Description"] for table in tables for column in table.values()]
    assert len(texts) > 100
    meant = columns.SCORE_TABLES["target"]["Description"]
    assert {text for text in texts if "oxel" in text} == {meant}
