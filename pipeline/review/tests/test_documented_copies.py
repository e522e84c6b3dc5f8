"""Each documented case says where its page was read, or that it was not."""

import pytest

from pipeline.review.tests.cases import documented_access, documented_pipeline

MODULES = (
    ({case.id: case.page for case in documented_access.ACCESS_CASES}, documented_access),
    ({case.id: case.page for case in documented_pipeline.PIPELINE_CASES}, documented_pipeline),
)


@pytest.mark.parametrize(("pages", "module"), MODULES, ids=["access", "pipeline"])
def test_each_case_says_where_its_page_was_read(pages: dict[str, str], module: object) -> None:
    copies, unconfirmed = vars(module)["COPIES"], vars(module)["UNCONFIRMED"]
    assert set(unconfirmed) <= set(pages), "an unconfirmed case is none"
    read = {page for id_, page in pages.items() if id_ not in unconfirmed}
    assert all(page.startswith(tuple(copies)) for page in read)
    assert all(any(page.startswith(start) for page in read) for start in copies), "a copy of no page"
