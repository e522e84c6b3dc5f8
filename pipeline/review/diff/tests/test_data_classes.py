"""The classes of types: each listed one exists and has one class, and the rest is counted."""

import pytest

from pipeline.review.diff.data_classes import DataClass, contents, data_class, page, types_of
from pipeline.review.diff.replacement import known_types


def test_each_listed_type_exists_and_has_one_class() -> None:
    listed = [type_ for class_ in DataClass for type_ in types_of(class_)]
    assert len(listed) == len(set(listed))
    assert {type_ for type_ in listed if not type_.startswith("Custom::")} <= known_types().keys()


def test_each_type_that_holds_something_says_what() -> None:
    holding = [class_ for class_ in DataClass if class_ not in {DataClass.NONE, DataClass.UNKNOWN}]
    assert all(contents(type_) for class_ in holding for type_ in types_of(class_))


def test_number_of_unknown_types_is_the_documented_one() -> None:
    unknown = [type_ for type_ in known_types() if data_class(type_) is DataClass.UNKNOWN]
    assert (len(unknown), len(known_types())) == (1_130, 1_889), "docs/review.md has both numbers"


@pytest.mark.parametrize("type_", ["AWS::New::Thing", "Custom::Anything", "MongoDB::Atlas::Cluster"])
def test_type_on_no_list_is_unknown(type_: str) -> None:
    assert data_class(type_) is DataClass.UNKNOWN
    assert contents(type_) == ""


def test_page_of_a_type_is_its_own() -> None:
    assert page("AWS::DSQL::Cluster").endswith("/TemplateReference/aws-resource-dsql-cluster.html")
