"""The schema that the provider publishes: it names the important fields and permits all others."""

TEXTS = (
    "sequenceId", "id", "language", "languageCode", "title", "content", "extract", "publishedDate", "harvestDate",
    "estimatedPublishedDate", "updateDate", "embargoDate", "licenseEndDate", "contentLicenseEndDate", "url",
    "originalUrl", "commentsUrl", "dataFormat", "copyright", "loginStatus", "duplicateGroupId", "adultLanguage",
)  # fmt: skip


def xsd() -> str:
    """Returns an XML schema of `response`: the envelope, and articles with their scalar fields, in any order."""
    fields = "".join(f'\n      <xs:element name="{name}" type="xs:string" minOccurs="0"/>' for name in TEXTS)
    envelope = "".join(
        f'\n      <xs:element name="{name}" type="xs:string" minOccurs="0"/>'
        for name in ("status", "messageCode", "userMessage", "developerMessage")
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" version="1.1">
  <xs:element name="response">
    <xs:complexType><xs:sequence>{envelope}
      <xs:element name="articles" type="articles" minOccurs="0"/>
    </xs:sequence></xs:complexType>
  </xs:element>
  <xs:complexType name="articles"><xs:sequence>
    <xs:element name="article" type="article" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType>
  <xs:complexType name="article"><xs:all>{fields}
    <xs:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
  </xs:all></xs:complexType>
</xs:schema>
"""
