"""Datasets on disk (parquet shards and PNG images), and frames of videos."""

from __future__ import annotations

from vilasr.data.dataset import DatasetInfo
from vilasr.data.reader import read_dataset
from vilasr.data.writer import DatasetWriter, write_dataset

__all__ = ["DatasetInfo", "DatasetWriter", "read_dataset", "write_dataset"]
