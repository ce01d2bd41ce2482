"""What the page of a published model says beside what the run knows itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babyllama.config.types import Language, LicenceName, Lines, Optional_, Positive, RepoName, Section, Text


class PublishSection(Section):
    """What the model's page on the Hub says beside what the run knows itself."""

    repo_id: Annotated[RepoName | None, Optional_] = None
    """Repository on the Hub that `babyllama push` writes to, `owner/name`."""
    private: bool = False
    """Make that repository private when it is made."""
    license: Annotated[LicenceName | None, Optional_] = None
    """Licence of the model as the Hub spells it: `mit`, `apache-2.0`, `cc-by-4.0`, `other`, ...; null states none."""
    license_name: Annotated[Text | None, Optional_] = None
    """With `license: other`: its name."""
    license_link: Annotated[Text | None, Optional_] = None
    """With `license: other`: where its text is."""
    languages: list[Language] = Field(default_factory=lambda: ["en"])
    """Languages of the training text, as ISO 639-1 codes."""
    datasets: list[Text] = Field(default_factory=list)
    """Hub names of the data sets behind the training text, beside those that `babyllama fetch` or `mixing.sources` name."""
    tags: list[Text] = Field(default_factory=list)
    """Further tags."""
    intended_use: Annotated[Lines | None, Optional_] = None
    """What the model is for, instead of the general sentence."""
    citation: Annotated[Lines | None, Optional_] = None
    """A BibTeX entry of your own, before the software's."""
    watts: Annotated[Positive | None, Optional_] = None
    """Power that one device draws in training, for the energy on the card; null takes its rated power where that is known."""
