"""Mistakes in what downstream holders decide with the contracts, one for each of their rules."""

from tests.mutants.mutant import Change, Mutant, at

CONTRACTS = "contracts/src/clawback_contracts"
COPIES = f"{CONTRACTS}/holder/copies.py"
ANSWERS = f"{CONTRACTS}/holder/answers.py"
CLOUDEVENTS = f"{CONTRACTS}/cloudevents.py"
TESTS = "contracts/tests/test_holder.py"
DECIDES = at(TESTS, "test_a_holder_decides_as_in_the_vectors")
SHOWS = at(TESTS, "test_an_article_is_shown_as_in_the_vectors")


def _decision(name: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(f"a holder that {name}", (Change(file, old, new),), DECIDES)


def _shown(name: str, old: str, new: str) -> Mutant:
    return Mutant(f"a holder that shows {name}", (Change(COPIES, old, new),), SHOWS)


MUTANTS = (
    _decision(
        "stores an article that arrives after its revocation",
        COPIES,
        "return state.status is Status.LIVE and article.version > state.version",
        "return article.version > state.version",
    ),
    _decision(
        "stores an older version",
        COPIES,
        "return state.status is Status.LIVE and article.version > state.version",
        "return state.status is Status.LIVE",
    ),
    _decision(
        "stores a text from before a reinstatement",
        COPIES,
        "    return article.after_order > state.last_order\n",
        "    return article.version > state.version or article.after_order > state.last_order\n",
    ),
    _decision(
        "forgets which order a version follows",
        COPIES,
        "CopyState(state.article_id, article.after_order, Status.LIVE,",
        "CopyState(state.article_id, state.last_order, Status.LIVE,",
    ),
    _decision(
        "lets a late order undo a newer one",
        COPIES,
        "if overtaken or order.order > state.last_order:",
        "if overtaken or order.order != state.last_order:",
    ),
    _decision(
        "keeps a version that overtook its revocation",
        COPIES,
        "if overtaken or order.order > state.last_order:",
        "if order.order > state.last_order:",
    ),
    _decision(
        "keeps its copy although an order is missing",
        COPIES,
        "held=state.held and kept)",
        "held=state.held and status_of(order) is not Status.REVOKED)",
    ),
    _decision(
        "reports a copy that it never stored as held",
        COPIES,
        "held=state.held and kept)",
        "held=kept)",
    ),
    _decision(
        "answers an old order as if it had applied it",
        ANSWERS,
        "case _ if order.order < last_order:",
        "case _ if False:",
    ),
    _decision(
        "reports a removed article as never held",
        COPIES,
        "ever_held=state.version > 0",
        "ever_held=False",
    ),
    _shown(
        "what is withheld", "(True, Status.LIVE, article.version)", "(True, state.status, article.version)"
    ),
    _shown(
        "what it has removed",
        "(True, Status.LIVE, article.version)",
        "(state.held, Status.LIVE, article.version)",
    ),
    _shown("an older version", "(True, Status.LIVE, article.version)", "(True, Status.LIVE, state.version)"),
    _shown("an article before its embargo ends", "article.embargoed_until <= now)", "True)"),
    _shown("an article whose licence has ended", "now < article.licence_ends_at)", "True)"),
    Mutant(
        "a holder that answers for others",
        (Change(ANSWERS, "    if not addressed(order, holder):\n        return None\n", ""),),
        at(TESTS, "test_an_order_is_answered_by_the_holders_that_it_names"),
    ),
    Mutant(
        "a holder that answers outside the trace of the order",
        (Change(ANSWERS, "holder, at, cause, signer)", "holder, at, (), signer)"),),
        at(TESTS, "test_a_receipt_has_its_fixed_id_the_trace_of_its_order_and_a_signature"),
    ),
    Mutant(
        "a holder that does not sign",
        (Change(ANSWERS, "holder, at, cause, signer)", "holder, at, cause)"),),
        at(TESTS, "test_a_receipt_has_its_fixed_id_the_trace_of_its_order_and_a_signature"),
    ),
    Mutant(
        "a holder that reports everything as held",
        (Change(ANSWERS, "Holding.HELD if one in held else Holding.GONE for one", "Holding.HELD for one"),),
        at(TESTS, "test_every_id_of_a_holdings_question_is_answered_with_held_or_gone"),
    ),
    Mutant(
        "an unknown major version reported as an unknown type",
        (Change(CLOUDEVENTS, "== found[0] for one in known)", '== "" for one in known)'),),
        at("contracts/tests/test_cloudevents.py", "test_garbage_is_unreadable_for_a_reason"),
    ),
    Mutant(
        "an earlier header counts where the last of its name is not text",
        (Change(CLOUDEVENTS, "            found.pop(name, None)\n", "            pass\n"),),
        at(
            "contracts/tests/test_cloudevents.py",
            "test_invalid_text_counts_as_missing_and_the_last_of_several_counts",
        ),
    ),
)
