"""Studies: many runs of one configuration that differ in what is studied, made as processes, compared with tests."""

from babyllama.studies.design import Point, Study, StudyRun, read_study

__all__ = ["Point", "Study", "StudyRun", "read_study"]
