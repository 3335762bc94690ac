"""Words for generated articles. Nothing here is copied from an article."""


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES = _words("""
quiet sudden regional digital seasonal joint cautious annual northern southern coastal municipal independent
revised public private early late modest broad narrow steady record preliminary technical rural urban temporary
lasting uneven overdue unusual familiar careful bold measured local national shared
""")

NOUNS = _words("""
harvest budget port tunnel library vaccine battery reactor orchard ferry turbine museum stadium bakery railway
merger tariff subsidy pension census archive glacier harbour vineyard dairy foundry satellite cable reservoir
refinery shipyard airline brewery hospital laboratory theatre market auction licence ballot treaty audit strike
festival bridge dam forest fishery quarry mill warehouse clinic
""")

PEOPLE = _words("""
engineers officials analysts farmers teachers investors residents researchers pilots nurses traders editors
brewers architects lawyers miners fishers students planners auditors surveyors volunteers retailers shareholders
historians
""")

VERBS = _words("""
welcomed questioned postponed approved rejected expanded measured reviewed defended financed inspected closed
reopened renamed repaired praised delayed predicted published withdrew compared opposed supported announced
simplified
""")

CLAUSES = """after months of talks|despite rising costs|ahead of the summer|as prices eased|in a close vote|
for the third time this year|with little warning|before the deadline|under new rules|at the request of neighbours|
while demand stayed flat|following a long review|on the advice of an outside panel|without naming a successor|
in spite of heavy rain|at a meeting that ran past midnight""".replace("\n", "").split("|")

OPENINGS = """Observers said that|According to a summary seen on Tuesday,|In a short statement,|Last week|
Two people familiar with the plan said|For now,|By contrast,|At the same time,|In the coastal districts|
A spokesperson added that|Figures released in the morning show that|Meanwhile""".replace("\n", "").split("|")

FIRST_NAMES = _words("""
Aldo Bianca Corin Delphine Edda Farid Gesa Hamid Ilse Jorun Kalle Leontine Milo Nadja Oskar Petra Quirin Rania
Soren Tamsin Ulrika Viggo Wanda Xaver Yara Zeno
""")

LAST_NAMES = _words("""
Abelard Brennick Castellow Dunmore Eriksdal Fontane Garrowby Hollin Ingersen Jaspers Kettleby Lorimer Marchbank
Northcote Okonjo Pellard Quillan Rasmund Stellan Thornby Umber Vasko Whitlam Yarrow Zellweger
""")

COMPANY_STEMS = _words("""
Aldermoor Bexley Cindervale Dornick Eastfield Farrow Glenhaven Harrowgate Ironbridge Juniper Kestrel Lindholm
Marwick Norvane Oakhurst Pinegrove Quayside Ravensholm Silverbeck Tallow Underhill Vantage Westmere Yarrowdale
Zephyr
""")

COMPANY_KINDS = [
    "Holdings plc",
    "Group AG",
    "Industries Inc.",
    "S.p.A.",
    "Energy Corp.",
    "& Sons Ltd",
    "Foods N.V.",
    "Systems SE",
]

EXCHANGES = ["LON", "NYS", "NAS", "FRA", "MIL", "TYO", "PAR", "AMS"]

PAPER_NAMES = _words("""
Chronicle Courier Gazette Herald Ledger Mercury Observer Post Record Sentinel Standard Telegraph Tribune Wire
Bulletin Dispatch
""")

TOPICS = [
    ("Agriculture", "Industry"), ("Banking", "Finance"), ("Energy", "Industry"), ("Culture", "Society"),
    ("Elections", "Politics"), ("Aviation", "Transport"), ("Health Care", "Society"), ("Mergers", "Finance"),
    ("Football", "Sports"), ("Software", "Technology"), ("Shipping", "Transport"), ("Weather", "Environment"),
]  # fmt: skip

TAGS = ["breaking", "analysis", "opinion", "interview", "markets", "local", "weekend", "long read"]

PLACES = [
    # name, country, country code, region, subregion, state, latitude, longitude; a sea is in no country
    ("Lisbon", "Portugal", "PT", "Europe", "Southern Europe", "", 38.72, -9.14),
    ("Hamburg", "Germany", "de", "Europe", "Western Europe", "Hamburg", 53.55, 9.99),
    ("Austin", "United States", "US", "Americas", "Northern America", "Texas", 30.27, -97.74),
    ("Osaka", "Japan", "JP", "Asia", "Eastern Asia", "", 34.69, 135.5),
    ("Thessaloniki", "Greece", "gr", "Europe", "Southern Europe", "", 40.64, 22.94),
    ("Nairobi", "Kenya", "KE", "Africa", "Eastern Africa", "", -1.29, 36.82),
    ("Recife", "Brazil", "BR", "Americas", "South America", "Pernambuco", -8.05, -34.9),
    ("Pune", "India", "IN", "Asia", "Southern Asia", "Maharashtra", 18.52, 73.86),
    ("North Sea", "", "", "Europe", "", "", 56.0, 3.0),
    ("Leeds", "United Kingdom", "GB", "Europe", "Northern Europe", "England", 53.8, -1.55),
    ("Tampere", "Finland", "FI", "Europe", "Northern Europe", "", 61.5, 23.76),
    ("Baltic Sea", "", "", "Europe", "", "", 58.0, 20.0),
]

LANGUAGES = [("English", "en"), ("German", "de"), ("Spanish", "es"), ("French", "fr"), ("Portuguese", "pt")]

FOREIGN_LINES = [  # Greek, Japanese, Russian
    "Οι μηχανικοί ενέκριναν το σχέδιο μετά από πολύμηνες συζητήσεις στο λιμάνι.",  # noqa: RUF001  Greek it is
    "技術者たちは港の計画を長い議論の末に承認した。",
    "Инженеры одобрили проект порта после долгих обсуждений.",
]

LICENSES = ["Newsstand Standard", "Web Crawl", "Royalty Bearing", "Press Agency Premium"]

NOISE = ["\r\n", "\ufeff", "\x80", "\u00a0", " &nbsp; ", " &amp; ", " 3 < 4 ", "\r", " &#8217; ", "\u2028"]
"""Noise as in real texts: carriage returns, byte order marks, C1 controls, unresolved entities, a bare <."""
