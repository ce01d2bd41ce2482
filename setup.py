"""What pyproject.toml cannot say: `config/` is the data package `babyllama.shipped`, and the page of a package index.

Links from README.md to files of the checkout lead nowhere on an index, and so do pictures: there they are plain text.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    packages=[*find_packages(include=["babyllama*"]), "babyllama.shipped"],
    package_dir={"babyllama.shipped": "config"},
    long_description=re.sub(r"!?\[([^\]]+)\]\((?!https?://)[^)]+\)", r"\1", README),
    long_description_content_type="text/markdown",
)
