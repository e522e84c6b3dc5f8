"""The list of regions is AWS's, by the two copies of it that the tools bring."""

import boto3
from aws_cdk import region_info

from pipeline.catalogue.regions import REGIONS


def test_regions_match_the_cdks() -> None:
    assert {region.name for region in region_info.RegionInfo.regions} == REGIONS


def test_regions_match_botocores() -> None:
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none")
    known = (session.get_available_regions("ec2", partition) for partition in session.get_available_partitions())
    assert {region for regions in known for region in regions} == REGIONS
